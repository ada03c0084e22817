"""Recorded episodes in the formats that other trainers read, and back."""
