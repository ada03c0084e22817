"""vLLM in this process: an engine that samples and scores for a model whose weights `transformers` holds."""
