"""Checkpoints under kills and power cuts: what was acknowledged is there, whole, to the bit."""

import contextlib
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from sparring.trainers.checkpoints import Checkpoints

torch.set_num_threads(1)
KILLS = 50


def weights_of(number):
    """Large enough that writing takes a moment; every number has its own."""
    generator = torch.Generator().manual_seed(number)
    return {f"layer.{n}": torch.randn(300, 300, generator=generator) for n in range(4)}


def save_for_ever(folder, start, acknowledged):
    checkpoints = Checkpoints(folder)
    for number in range(start, start + 10_000):
        checkpoints.save(number, weights_of(number), {"done": number})
        os.write(acknowledged, f"{number}\n".encode())


def seconds_of_a_save(folder):
    """On this machine, as busy as it is now."""
    started = time.perf_counter()
    for number in range(3):
        Checkpoints(folder).save(number, weights_of(number), {"done": number})
    return (time.perf_counter() - started) / 3


def killed_at_a_random_moment(folder, start, generator, longest):
    """The number of the last checkpoint that a process acknowledged before SIGKILL; None for none."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            save_for_ever(folder, start, theirs)
        os._exit(1)
    os.close(theirs)
    time.sleep(generator.uniform(0.0, longest))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(ours) as lines:
        numbers = [int(line) for line in lines]
    return numbers[-1] if numbers else None


@pytest.mark.slow
def test_fifty_kills_at_random_moments_of_saving_never_cost_what_was_acknowledged(tmp_path):
    folder, generator, last, found_numbers = tmp_path / "checkpoints", random.Random(8), None, set()
    longest = 4 * seconds_of_a_save(tmp_path / "timed")
    for _ in range(KILLS):
        acknowledged = killed_at_a_random_moment(folder, (last or 0) + 1, generator, longest)
        found = Checkpoints(folder).load()
        least = acknowledged if acknowledged is not None else last
        if found is None:
            assert least is None
            continue
        weights, state = found
        number = state["done"]
        assert least is None or number in (least, least + 1), "the last acknowledged one, or the one after it"
        expected = weights_of(number)
        assert all(torch.equal(weights[name], value) for name, value in expected.items())
        last = number
        found_numbers.add(number)
    assert len(found_numbers) > 5
    final = Checkpoints(folder)
    final.save(last + 1, weights_of(last + 1), {"done": last + 1})
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [], "nothing of the dead is left"


class Disk:
    """What a power cut would leave: which files were synced, and which renames, in their order."""

    def __init__(self, monkeypatch):
        self.steps = []
        real_fsync, real_replace = os.fsync, os.replace

        def fsync(descriptor):
            self.steps.append(("synced", Path(os.readlink(f"/proc/self/fd/{descriptor}"))))
            real_fsync(descriptor)

        def replace(source, target, **options):
            self.steps.append(("named", Path(source), Path(target)))
            real_replace(source, target, **options)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(os, "replace", replace)

    def place(self, *step):
        assert step in self.steps, f"{step} never happened: {self.steps}"
        return self.steps.index(step)


def test_a_power_cut_finds_the_old_checkpoint_or_all_of_the_new_one(tmp_path, monkeypatch):
    """Every file is on the disk before the folder has its name, and the name before an older checkpoint goes."""
    checkpoints = Checkpoints(tmp_path / "run" / "checkpoints")
    checkpoints.path.parent.mkdir()
    checkpoints.save(1, weights_of(1), {"done": 1}, keep=1)
    disk, removed = Disk(monkeypatch), []
    rmtree = "sparring.trainers.checkpoints.shutil.rmtree"
    monkeypatch.setattr(rmtree, lambda path, **_: removed.append((len(disk.steps), Path(path).name)))
    checkpoints.save(2, weights_of(2), {"done": 2}, keep=1)
    partial, target = checkpoints.path / ".partial-update-000002", checkpoints.path / "update-000002"
    named = disk.place("named", partial, target)
    for name in ("weights.safetensors", "state.pt", ".SHA256SUMS.partial"):
        assert disk.place("synced", partial / name) < named
    assert disk.place("named", partial / ".SHA256SUMS.partial", partial / "SHA256SUMS") < named
    assert ("synced", partial) in disk.steps[:named], "the folder's own entries"
    after = [place for place, step in enumerate(disk.steps) if step == ("synced", checkpoints.path) and place > named]
    assert after, "the new name itself"
    assert removed == [(len(disk.steps), "update-000001")]
    assert after[-1] < removed[0][0]
