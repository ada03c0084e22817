document.querySelectorAll(".scroll").forEach(watchWidth);
startReplays().then(startBoard);
