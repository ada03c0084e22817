"""Tests of RL libraries in an environment of their own: `make test-rl` runs them. Elsewhere none is collected."""

import importlib.util

collect_ignore_glob = [] if all(map(importlib.util.find_spec, ("tianshou", "torchrl", "ray"))) else ["test_*.py"]
