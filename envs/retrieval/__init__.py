"""Multi-round retrieval: search, answer, or give up."""
