"""Pages of small local servers: a report that goes on with its runs, and one on which a person plays."""
