"""The processes of one run that `torchrun` started: process 0 leads, the others do what it says.

The leader's orders go over a group of their own, by TCP (gloo): while it plays the others wait for as long as it takes,
and the end of a process is seen at once, because its connections close. Tensors go over another group (NCCL between
GPUs, gloo on CPUs). Whoever does not take an order, or its part in a sum, for `ANSWER` is lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sparring.registry import require

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

ANSWER, ORDERS = timedelta(minutes=10), timedelta(days=365)
"""How long a process may take to compute its part, and to give the next order."""
NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
"""What torchrun tells each process: its number, how many there are, and both on its machine."""
_orders: list[ProcessGroup] = []


class LostProcess(RuntimeError):
    """Another process of this run has ended, or does not answer."""


def number(name: str) -> int:
    """What torchrun says, else what holds for one process. Raises ValueError where it is no number."""
    text = os.environ.get(name, "1" if "SIZE" in name else "0")
    if not text.isdecimal():
        raise ValueError(f"{name} must be a number, as torchrun sets it, got {text!r}")
    return int(text)


def count() -> int:
    """Of the processes of this run; 1 without torchrun. Raises ValueError where what it set does not fit together."""
    if "RANK" not in os.environ:
        return 1
    require_placed()
    return number("WORLD_SIZE")


def require_placed() -> None:
    """Raises ValueError where what torchrun set does not fit together."""
    missing = [name for name in (*NAMES, "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ValueError(f"{missing[0]} is not set: start several processes with torchrun")
    rank, size, local_rank, local_size = map(number, NAMES)
    if rank >= size or local_rank >= local_size or local_size > size:
        got = f"RANK {rank} of WORLD_SIZE {size}, LOCAL_RANK {local_rank} of LOCAL_WORLD_SIZE {local_size}"
        raise ValueError(f"a process's number must be below how many there are: start them with torchrun, got {got}")


def take_device(device: str) -> None:
    """Make the GPU of this process the one that "cuda" means. Raises ValueError where there is none for it."""
    torch = require("torch", "train")
    found = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device not in ("auto", "cpu", "cuda"):
        raise ValueError(f"device must be auto, cpu or cuda in several processes, got {device!r}")
    if device == "cpu" or (device == "auto" and not found):
        return
    if (wanted := number("LOCAL_WORLD_SIZE")) > found:
        raise ValueError(f"{wanted} processes on this machine need a GPU each, and torch sees {found}: "
                         f"torchrun --nproc-per-node {max(found, 1)}, or --device cpu")  # fmt: skip
    torch.cuda.set_device(number("LOCAL_RANK"))


@contextmanager
def joined() -> Iterator[int]:
    """Meet the other processes; gives the number of this one. The leader's end is the end of all.

    Raises ValueError where what torchrun set does not fit, LostProcess where the others do not come.
    """
    require_placed()
    dist = require("torch.distributed", "train")
    gpus = require("torch", "train").cuda.is_available()
    with others_alive():
        dist.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=ANSWER)
        leads = dist.get_rank() == 0
        _orders[:] = [dist.new_group(backend="gloo", timeout=ANSWER if leads else ORDERS)]
    try:
        yield dist.get_rank()
    finally:
        if dist.get_rank() == 0 and _orders:
            with suppress(LostProcess):
                _send(None)
                _part()
        _orders.clear()
        dist.destroy_process_group()  # threads of gloo that are left would abort the interpreter at its end


@contextmanager
def ordering(order: object) -> Iterator[None]:
    """Have the other processes do something together with the leader, who does its part inside. Raises LostProcess.

    They run the same program, so orders travel as objects. Where the leader fails on the way the others cannot hear
    another order: they end when its connections close.
    """
    try:
        with others_alive():
            _send(order)
            yield
    except BaseException:
        _orders.clear()
        raise


def _send(order: object) -> None:
    dist = require("torch.distributed", "train")
    with others_alive():
        dist.broadcast_object_list([order], src=0, group=_orders[0])


def receive() -> object:
    """What the leader wants; None: to end. Raises LostProcess."""
    dist = require("torch.distributed", "train")
    found: list[object] = [None]
    with others_alive():
        dist.broadcast_object_list(found, src=0, group=_orders[0])
    if found[0] is None:
        with suppress(LostProcess):
            _part()
    return found[0]


def _part() -> None:
    """Let the leader wait until its last order was heard: an end of its own could be faster than the order."""
    dist = require("torch.distributed", "train")
    with others_alive():
        dist.barrier(group=_orders[0])


def gather(value: dict[str, float]) -> list[dict[str, float]]:
    """What every process has, in their order. Raises LostProcess."""
    dist = require("torch.distributed", "train")
    found: list[dict[str, float]] = [{} for _ in range(count())]
    with others_alive():
        dist.all_gather_object(found, value, group=_orders[0])
    return found


@contextmanager
def others_alive() -> Iterator[None]:
    """What several processes do together. Raises LostProcess where that fails because one is gone."""
    dist = require("torch.distributed", "train")
    try:
        yield
    except RuntimeError as error:
        signs = ("gloo", "NCCL", "Connection", "Broken pipe", "imed out")
        if not isinstance(error, dist.DistError) and not any(sign in str(error) for sign in signs):
            raise
        raise LostProcess(
            f"process {number('RANK')} of {count()} lost another one of this run, which has ended (what it said itself "
            f"stands above) or has not answered for {ANSWER.total_seconds():.0f} s"
        ) from error
