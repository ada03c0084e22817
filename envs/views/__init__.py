"""Environments seen in another way: one seat of several, discrete actions."""
