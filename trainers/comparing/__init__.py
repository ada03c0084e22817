"""Methods held against each other: the same model, environment, tokens and held-out tasks, one table."""
