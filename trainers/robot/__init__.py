"""Training of the robot family's own parts: verifiers from self-labelled attempts, executors from demonstrations."""
