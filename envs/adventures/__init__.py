"""Text adventures: games that people play by typing commands. Ours, and those of other engines behind the same gate."""
