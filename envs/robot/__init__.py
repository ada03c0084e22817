"""Robot manipulation: worlds of continuous actions, skills, and a procedure that plans, acts, verifies, recovers."""
