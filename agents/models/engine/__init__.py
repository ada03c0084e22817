"""How a model in this process scores and decodes: packing, fused layers, log-probabilities."""
