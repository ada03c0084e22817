"""Many machines: workers of a Ray cluster play the matches, and this process stores what they played, in order."""
