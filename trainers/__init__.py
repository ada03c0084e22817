"""Training methods: each turns stored episodes into signals, and one learner turns signals into better weights."""
