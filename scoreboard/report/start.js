document.querySelectorAll(".scroll").forEach(watchWidth);
document.querySelectorAll("svg.chart").forEach(watchChart);
document.querySelectorAll("button.toggle").forEach(watchToggle);
startPolicies();
startReplays();
