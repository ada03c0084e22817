"""Text games of other engines behind the command gate, each engine in a process of its own."""
