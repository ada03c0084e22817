"""Our environments for other people's programs: servers, and the judge of servers."""
