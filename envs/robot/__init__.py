"""Robot manipulation: worlds of continuous actions, skills, and the procedure that plans, acts, verifies and recovers."""
