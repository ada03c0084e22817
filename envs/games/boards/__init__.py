"""Board games in our words, on OpenSpiel's rules."""
