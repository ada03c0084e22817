"""Tokens per CPU second of our decoding and of `transformers`' `generate`: same model, same prompts, same run.

    OMP_NUM_THREADS=1 python benchmarks/decode.py --shapes 32x32 64x32 64x128 --json decode.json

    OMP_NUM_THREADS=1 .venv-vllm/bin/python benchmarks/decode.py --vllm --shapes 32x32 64x64 --json decode_vllm.json

Four distinct prompts of 62 tokens, temperature 1, prefill included, end of sequence ignored, one thread. bf16 rows are
left out where the processor has no bf16 instructions (there it is ten times slower than fp32), unless asked for.

With --vllm, in fp32: our own decoding, `vllm.LLM.generate` with the parameters that we give it (a seed a request, the
log-probability of each token), and the same engine behind a model of ours; then new weights for that engine, over and
over, each checked: CPU seconds and resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from sparring.agents.models.engine.decode import Engine, generate
from sparring.agents.models.transformers import TransformersModel, bf16_pays
from sparring.agents.models.vllm.opening import open_engine
from sparring.agents.models.weights.reading import Loaded, read_model
from sparring.types import Sampling

PROMPT_TOKENS = 62
DISTINCT = 4
Run = Callable[[list[list[int]], int], int]
"""Decodes (prompts, new tokens) and returns how many tokens it made."""
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


def ours(loaded: Loaded, precision: str) -> Run:
    """Our own decoding."""
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


def hugging_face(loaded: Loaded, precision: str) -> Run:
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


def measure(run: Run, batch: list[list[int]], new: int, repeats: int) -> float:
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


@dataclass(frozen=True, slots=True)
class Synced:
    """New weights for the engine, each time other ones, each time checked."""

    times: int
    cpu_seconds_median: float
    cpu_seconds_most: float
    resident_mb_first: float
    """After the first tenth."""
    resident_mb_last: float


def bare_vllm(model: TransformersModel) -> Run:
    """`LLM.generate` of the model's engine, with the parameters that we give it."""
    from vllm import SamplingParams

    llm: Any = model.sampler._llm

    def run(batch: list[list[int]], new_tokens: int) -> int:
        params = [
            SamplingParams(max_tokens=new_tokens, seed=row, logprobs=0, ignore_eos=True, detokenize=False)
            for row in range(len(batch))
        ]
        llm.reset_prefix_cache()
        made = llm.generate([{"prompt_token_ids": prompt} for prompt in batch], params, use_tqdm=False)
        return sum(len(one.outputs[0].token_ids) for one in made)

    return run


def over_vllm(model: TransformersModel) -> Run:
    """The same through our model, which ends no answer either."""

    def run(batch: list[list[int]], new_tokens: int) -> int:
        model.sampler._llm.reset_prefix_cache()
        made = model.generate_batch(batch, Sampling(max_new_tokens=new_tokens), range(len(batch)))
        return sum(len(one.token_ids) for one in made)

    return run


def vllm_results(name: str, shapes: Sequence[str], repeats: int, syncs: int) -> tuple[list[Result], Synced]:
    """The three ways, turn by turn in every repeat: what else the machine does meets all of them."""
    loaded = read_model(name, device="cpu")
    model = TransformersModel.from_loaded(loaded, "fp32")
    model.sample_with(open_engine(model))
    model.sampler._eos_ids = []
    ways = {"sparring": ours(loaded, "fp32"), "vllm": bare_vllm(model), "sparring over vllm": over_vllm(model)}
    rows = []
    for run in reversed(ways.values()):
        run(prompts(loaded, 4), 2)
    for count, new in (map(int, shape.split("x")) for shape in shapes):
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(repeats):
            for way, run in ways.items():
                times[way].append(measure(run, prompts(loaded, count), new, 1))
        rows += [
            Result(way, "fp32", count, new, min(seconds), count * new / min(seconds)) for way, seconds in times.items()
        ]
    return rows, synced(model, syncs)


def synced(model: TransformersModel, times: int) -> Synced:
    """Change all weights a little and give them to the engine, so many times."""
    seconds, resident = [], []
    for number in range(times):
        with torch.no_grad():
            for parameter in model.module.parameters():
                parameter.mul_(1 + 1e-4 * (-1) ** number)
        model.sync(None, f"sync-{number}")
        start = time.process_time()
        model.synced_sampler()
        seconds.append(time.process_time() - start)
        resident.append(int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6)
    return Synced(times, statistics.median(seconds), max(seconds), resident[times // 10], resident[-1])


def table(rows: Sequence[Result], against: str) -> Table:
    """The results as people read them."""
    view = Table("backend", "precision", "rows x new tokens", "CPU s", "tokens / CPU s", f"against {against}")
    base = {(r.precision, r.rows, r.new_tokens): r.cpu_seconds for r in rows if r.backend == against}
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
    parser.add_argument("--vllm", action="store_true", help="our decoding and vLLM instead of transformers' generate")
    parser.add_argument("--syncs", type=int, default=100, help="with --vllm: how often weights are given to the engine")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.vllm:
        rows, sync = vllm_results(options.model, options.shapes, options.repeats, options.syncs)
        Console().print(table(rows, "vllm"), sync)
        if options.json:
            found = {"decode": [asdict(row) for row in rows], "sync": asdict(sync)}
            options.json.write_text(json.dumps(found, indent=1) + "\n")
        return
    rows = list(results(options.model, options.shapes, options.precisions, options.repeats))
    Console().print(table(rows, "transformers"))
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
