"""Self-evolution in three operations over one store: SELECT trajectories, DERIVE new ones, FIT a token loss."""
