"""Where weights come from: made in code, out of a package, out of a run folder."""
