"""`sparring robot clone | serve | verifier | study`: executors and verifiers that learn, and what parts are worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from sparring.cli import parsing, robot_studies, terminal
from sparring.envs.robot.tabletop.control import Simulator
from sparring.envs.robot.verifiers import NOISE
from sparring.faults import require_file_place
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


@app.command
def verifier(
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    simulator: Simulator = "twin",
    episodes: int = 300,
    choosing: int = 150,
    noise: float = NOISE,
    seed: int = 0,
    blind: Flag = False,
    json: Flag = False,
) -> int:
    """Train a verifier on attempts that the robot labels itself, calibrate it, and choose its threshold and window.

    The file is a verifier: `verifier=trained:FILE` of TabletopPlan, and the agent `verifier:FILE` of TabletopTeam.

    Args:
        output: The file, such as verifier.json; one that exists is replaced.
        simulator: twin: kinematic, needs nothing. mujoco: physics, needs the extra "robot".
        episodes: Of practice, with faults; a fifth of them calibrates.
        choosing: Further episodes on which every threshold and window is tried.
        noise: Of the sensor, standard deviation in metres.
        seed: Of tasks, faults, noise and the weights at the start.
        blind: Use the gripper's own readings only, and nothing that takes a camera.
        json: Print JSON.
    """
    require("torch", "train")
    require_file_place(output)
    with loading():
        from sparring.trainers.robot.verifying import VerifierConfig, train_verifier

    config = VerifierConfig(simulator, episodes, choosing, noise=noise, blind=blind, seed=seed)
    heads = train_verifier(config, _quiet if json else terminal.say)
    heads.write(output)
    threshold = next(iter(heads.heads.values())).threshold
    if json:
        terminal.dump({"file": str(output), "agree": heads.agree, "window": heads.window, "threshold": threshold})
    else:
        said = f"it says yes from {threshold}, and {heads.agree} of the last {heads.window} must"
        terminal.say(f"{output}: the verifier trained:{output}; {said}")
    return 0


@app.command
def study(
    name: tyro.conf.Positional[Literal["faults", "verifiers", "ablation"]],
    episodes: int = 100,
    task: str | None = None,
    rates: Annotated[str | None, tyro.conf.arg(metavar="FLOAT,FLOAT")] = None,
    simulator: Simulator = "twin",
    verifier: Path | None = None,
    blind: Path | None = None,
    seed: int = 0,
    output: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = None,
    json: Flag = False,
) -> int:
    """Compare controllers on the same tasks and the same faults: what retries, verifiers and plans are worth.

    Args:
        name: faults: open loop, retries, noisy verifiers and their windows. verifiers: untrained, trained and perfect
            on noisy sensors. ablation: the procedure without one part each.
        episodes: Tasks that every arm plays at every rate.
        task: The family of tasks; without it two things into the bin for faults, and all families else.
        rates: Probabilities that an attempt meets a fault, by commas; without it 0,0.3,0.6 for faults, 0.3 else.
        simulator: twin: kinematic, needs nothing. mujoco: physics, needs the extra "robot".
        verifier: A verifier's file (`sparring robot verifier`); without it one is trained first, with its seed 0.
        blind: The same, of a verifier that sees no camera (`--blind`).
        seed: The first task; the next ones follow.
        output: Also write the rows here, as JSON.
        json: Print JSON.
    """
    return robot_studies.run(
        robot_studies.Asked(name, episodes, task, rates, simulator, verifier, blind, seed), output, json
    )


def _quiet(said: str) -> None:
    """Nobody is told."""


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
