"""Games with cards, dice, or moves that are not seen, and games of several seats, in our words."""
