"""`sparring robot clone | serve`: executors that are learnt, and executors for other machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sparring.cli import parsing, terminal
from sparring.envs.robot.tabletop.control import Simulator
from sparring.registry import require
from sparring.start import loading

if TYPE_CHECKING:
    from sparring.scoreboard.stats import Estimate
    from sparring.trainers.robot.measuring import Reached

Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()
PAUSE = 0.5


@app.command
def clone(
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    kind: Literal["state", "pixels"] = "state",
    simulator: Simulator = "twin",
    demos: int = 300,
    iterations: int = 4000,
    pictures: int = 1200,
    tasks: int = 200,
    seed: int = 0,
    json: Flag = False,
) -> int:
    """Train an executor of the tabletop from demonstrations of the scripted one, and measure it on unseen tasks.

    The file is an executor: `cloned:FILE`.

    Args:
        output: The file, such as policy.npz; one that exists is replaced.
        kind: state: it acts on the world's state. pixels: a detector looks at the table from above once for every
            subgoal, and the executor acts on where it saw the cubes.
        simulator: twin: kinematic, needs nothing. mujoco: physics, needs the extra "robot".
        demos: Tasks that are demonstrated; with 10 it fails often, which a study of recovery may want.
        iterations: Batches of 512 states that the network learns from.
        pictures: Of pixels only: pictures that the detector learns from, and as many batches of 24 cubes.
        tasks: Unseen tasks on which it is measured, one attempt at every subgoal.
        seed: Of the tasks, the noise and the network.
        json: Print JSON.
    """
    require("torch", "train")
    with loading():
        from sparring.trainers.robot.cloning import Settings
        from sparring.trainers.robot.cloning import clone as train

    @contextmanager
    def bars(what: str, total: int) -> Iterator[Callable[[], None]]:
        with terminal.progress(what, total, quiet=json) as advance:
            yield lambda: advance()

    found = train(Settings(kind, simulator, demos, iterations, pictures, tasks, seed), output, bars)
    _show(found, output, json)
    return 0


@app.command
def serve(
    executor: str = "scripted",
    host: str = "127.0.0.1",
    port: int = 8010,
) -> int:
    """Answer `POST /act` of executors `remote:URL`, until Ctrl-C.

    Args:
        executor: scripted, hasty, cloned:FILE, or the FILE of a cloned executor.
        host: The address; another than this machine's own answers whoever can reach it.
        port: The port; 0: any that is free.
    """
    from sparring.envs.robot.executors import serving
    from sparring.envs.robot.executors.named import executor_of

    if not 0 <= port < 2**16:
        raise ValueError(f"port must be in 0..65535, got {port}")
    spec = f"cloned:{executor}" if Path(executor).is_file() else executor
    with serving.serve(partial(executor_of, spec), host, port) as running:
        where = f"http://{'[' + host + ']' if ':' in host else host}:{running.server_address[1]}"
        terminal.say(f"{where}/act answers by {spec}, until Ctrl-C; elsewhere the executor is remote:{where}")
        with suppress(KeyboardInterrupt):
            running.serve_forever(poll_interval=PAUSE)
    return 0


def _show(found: Reached, output: Path, json: bool) -> None:
    rows: dict[str, Estimate] = {"whole tasks": found.tasks, **dict(found.verbs.items())}
    if json:
        figures = {
            name: {"share": one.value, "low": one.low, "high": one.high, "n": one.n} for name, one in rows.items()
        }
        terminal.dump({"file": str(output), "held_out": figures})
        return
    shown = [(name, f"{one.value:.2f}", f"{one.low:.2f} to {one.high:.2f}", str(one.n)) for name, one in rows.items()]
    terminal.show_table(("reached", "share", "95 % interval", "of"), shown, names=(0,))
    terminal.say(f"{output}: the executor cloned:{output}")
