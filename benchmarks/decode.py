"""Tokens per CPU second of our decoding and of `transformers`' `generate`: same model, same prompts, same run.

    OMP_NUM_THREADS=1 python benchmarks/decode.py --shapes 32x32 64x32 64x128 --json decode.json

Four distinct prompts of 62 tokens, temperature 1, prefill included, end of sequence ignored, one thread. bf16 rows are
left out where the processor has no bf16 instructions (there it is ten times slower than fp32), unless asked for.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from sparring.agents.models.engine.decode import Engine, generate
from sparring.agents.models.transformers import bf16_pays
from sparring.agents.models.weights.reading import Loaded, read_model

PROMPT_TOKENS = 62
DISTINCT = 4
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class Result:
    """One measurement: the best of the repeats."""

    backend: str
    precision: str
    rows: int
    new_tokens: int
    cpu_seconds: float
    tokens_per_cpu_second: float


def prompts(loaded: Loaded, rows: int) -> list[list[int]]:
    """`rows` prompts, `DISTINCT` of them different, equal ones side by side."""
    text = "You hold card {}. The pot is one coin each and your opponent bets. Think of what it may hold. " * 4
    distinct = [loaded.tokenizer.encode(text.replace("{}", card))[:PROMPT_TOKENS] for card in "KQJT"]
    return [distinct[row * DISTINCT // rows] for row in range(rows)]


def ours(loaded: Loaded, precision: str) -> Callable[[list[list[int]], int], int]:
    """A function that decodes (prompts, new tokens) and returns how many tokens it made."""
    engine = Engine(loaded.model, DTYPES[precision])

    def run(batch: list[list[int]], new_tokens: int) -> int:
        made = generate(
            engine,
            batch,
            max_new_tokens=new_tokens,
            temperature=1.0,
            top_p=1.0,
            eos_ids=(),
            seeds=range(len(batch)),
        )
        return sum(len(row.token_ids) for row in made)

    return run


def hugging_face(loaded: Loaded, precision: str) -> Callable[[list[list[int]], int], int]:
    """The same through `model.generate`."""
    model: Any = loaded.model
    model = model.to(DTYPES[precision])

    @torch.inference_mode()
    def run(batch: list[list[int]], new_tokens: int) -> int:
        tokens = torch.tensor(batch)
        torch.manual_seed(0)
        out = model.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=True,
            temperature=1.0,
            top_p=1.0,
            top_k=0,
            max_new_tokens=new_tokens,
            min_new_tokens=new_tokens,
            pad_token_id=0,
        )
        return int(out[:, PROMPT_TOKENS:].numel())

    return run


def measure(run: Callable[[list[list[int]], int], int], batch: list[list[int]], new: int, repeats: int) -> float:
    """CPU seconds of the fastest of `repeats` runs. Raises ValueError when a run made another number of tokens."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        made = run(batch, new)
        times.append(time.process_time() - start)
        if made != len(batch) * new:
            raise ValueError(f"expected {len(batch) * new} tokens, got {made}")
    return min(times)


def results(model: str, shapes: Sequence[str], precisions: Sequence[str], repeats: int) -> Iterator[Result]:
    """Both backends at every shape and precision; fp32 first, because the other one converts the model."""
    loaded = read_model(model, device="cpu")
    for precision in sorted(precisions, reverse=True):
        for name, backend in (("sparring", ours), ("transformers", hugging_face)):
            run = backend(loaded, precision)
            run(prompts(loaded, 4), 2)
            for rows, new in (map(int, shape.split("x")) for shape in shapes):
                seconds = measure(run, prompts(loaded, rows), new, repeats)
                yield Result(name, precision, rows, new, seconds, rows * new / seconds)


def table(rows: Sequence[Result]) -> Table:
    """The results as people read them."""
    view = Table("backend", "precision", "rows x new tokens", "CPU s", "tokens / CPU s", "against transformers")
    base = {(r.precision, r.rows, r.new_tokens): r.cpu_seconds for r in rows if r.backend == "transformers"}
    for r in sorted(rows, key=lambda r: (r.rows * r.new_tokens, r.rows, r.precision, r.backend)):
        ratio = base[r.precision, r.rows, r.new_tokens] / r.cpu_seconds
        shape = f"{r.rows} x {r.new_tokens}"
        speed = f"{r.tokens_per_cpu_second:.0f}"
        view.add_row(r.backend, r.precision, shape, f"{r.cpu_seconds:.2f}", speed, f"{ratio:.2f}x")
    return view


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--shapes", nargs="+", default=["32x32", "64x32", "64x128"], help="rows x new tokens")
    parser.add_argument("--precisions", nargs="+", choices=DTYPES, default=["fp32"] + ["bf16"] * bf16_pays())
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = list(results(options.model, options.shapes, options.precisions, options.repeats))
    Console().print(table(rows))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
