"""Our environments inside other people's trainers and evaluators."""
