"""Ratings: strengths with intervals out of who beat whom, and what game theory says of the same games."""
