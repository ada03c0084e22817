"""What a checkpoint holds beside the weights: plain data and tensors by name, as `torch.save` keeps them."""

from __future__ import annotations

from typing import Any

State = dict[str, Any]
