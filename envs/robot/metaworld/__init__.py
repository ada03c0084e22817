"""Meta-World (arXiv 1910.10897): a Sawyer arm on 50 tasks of a table."""
