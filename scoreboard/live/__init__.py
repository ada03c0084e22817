"""A report that goes on with its runs: a small local server."""
