"""Is an answer right: what a model's text holds, and which values its answers stand for. Pure functions of text."""
