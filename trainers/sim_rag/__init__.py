"""SIM-RAG: a critic learns from self-practice when what was found suffices."""
