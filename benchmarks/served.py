"""Steps a second of `sparring serve`, beside OpenEnv's own server around the same environment in the same run.

    .venv-interop/bin/python -P benchmarks/served.py [--json FILE] [--seconds 5] [--sessions 64]

One client process holds all sessions; each plays random legal actions. Both servers have a process of their own. Also:
how long a thousand sessions take that are opened, stalled and dropped, and what the server's memory is after each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import websockets

ENVIRONMENTS = ("TicTacToe", "Adventure")
FRAME = {"max_size": None, "ping_interval": None, "compression": None}


@contextmanager
def ours(env: str):
    """The address of `sparring serve`, and its process."""
    command = [sys.executable, "-m", "sparring", "serve", "--envs", env, "--port", "0"]
    with started(command) as (line, process):
        yield line.split()[-1], process


@contextmanager
def theirs(env: str):
    """The address of OpenEnv's own server around the bare environment."""
    with started([sys.executable, "-P", __file__, "--peer", env]) as (line, process):
        yield line.split()[-1], process


@contextmanager
def started(command):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline(), process
    finally:
        process.terminate()
        process.wait(20)


def serve_peer(env: str) -> None:
    """OpenEnv's server class around our environment, as its users would write it."""
    import gymnasium
    import uvicorn
    from openenv.core.env_server import Action, Environment, Observation, State, create_app

    import sparring.envs  # noqa: F401  (registers the ids)
    from sparring.serve.running import address_of, bound

    class Say(Action):
        action: str

    class Seen(Observation):
        text: str = ""
        legal_actions: list[str] = []

    class Bare(Environment[Say, Seen, State]):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self) -> None:
            super().__init__()
            self.env, self.steps = gymnasium.make(f"sparring/{env}-v0", disable_env_checker=True).unwrapped, 0

        def reset(self, seed=None, episode_id=None, **options):
            text, info = self.env.reset(seed=seed)
            self.steps = 0
            return Seen(text=text, legal_actions=list(info["legal_actions"]), done=False, reward=0.0)

        def step(self, action, timeout_s=None, **options):
            text, reward, terminated, truncated, info = self.env.step(action.action)
            self.steps += 1
            legal = list(info.get("legal_actions") or ())
            return Seen(text=text, legal_actions=legal, done=terminated or truncated, reward=float(reward))

        @property
        def state(self):
            return State(episode_id="e", step_count=self.steps)

    app = create_app(Bare, Say, Seen, env_name=env, max_concurrent_envs=10_000)
    listening = bound("127.0.0.1", 0)
    print("serving", address_of(listening), flush=True)
    config = uvicorn.Config(app, log_level="error", access_log=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))


async def one_session(address: str, end: float, rng: random.Random) -> int:
    """Plays until the time is over; how many steps were answered."""
    steps = 0
    async with websockets.connect(address.replace("http", "ws") + "/ws", **FRAME) as socket:
        done, legal = True, ()
        while time.perf_counter() < end:
            kind = "reset" if done else "step"
            data = {"seed": rng.randrange(2**31)} if done else {"action": rng.choice(legal)}
            await socket.send(json.dumps({"type": kind, "data": data}))
            said = json.loads(await socket.recv())
            assert said["type"] == "observation", said
            steps += kind == "step"
            done = said["data"]["done"]
            legal = (said["data"].get("metadata") or {}).get("legal_actions") or said["data"]["observation"].get(
                "legal_actions"
            )
    return steps


async def steps_a_second(address: str, sessions: int, seconds: float) -> float:
    begun = time.perf_counter()
    played = await asyncio.gather(
        *(one_session(address, begun + seconds, random.Random(number)) for number in range(sessions))
    )
    return sum(played) / (time.perf_counter() - begun)


async def stall(address: str, count: int) -> float:
    """Open sessions, begin a game in each, and drop them without a word; seconds."""
    begun = time.perf_counter()
    for first in range(0, count, 100):
        sockets = await asyncio.gather(
            *(websockets.connect(address.replace("http", "ws") + "/ws", **FRAME) for _ in range(first, first + 100))
        )
        await asyncio.gather(*(socket.send(json.dumps({"type": "reset", "data": {"seed": 1}})) for socket in sockets))
        await asyncio.gather(*(socket.recv() for socket in sockets))
        for socket in sockets:
            socket.transport.abort()
    await asyncio.sleep(1)
    return time.perf_counter() - begun


def resident(process: subprocess.Popen) -> float:
    """MB of a process."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def measured(sessions: int, seconds: float, repeats: int) -> dict[str, object]:
    found: dict[str, object] = {"sessions": sessions}
    for env in ENVIRONMENTS:
        with ours(env) as (here, _), theirs(env) as (there, _):
            rates = {"sparring": [], "openenv": []}
            for _ in range(repeats):
                for name, address in (("sparring", here), ("openenv", there)):
                    rates[name].append(asyncio.run(steps_a_second(address, sessions, seconds)))
        found[env] = {name: round(median(values)) for name, values in rates.items()}
        found[env]["ratio"] = round(median(a / b for a, b in zip(*rates.values(), strict=True)), 2)
        print(f"{env}: {found[env]}", flush=True)
    with ours("TicTacToe") as (address, process):
        memory = [round(resident(process), 1)]
        for _ in range(3):
            asyncio.run(stall(address, 1_000))
            memory.append(round(resident(process), 1))
    found["megabytes before, and after each thousand dropped sessions"] = memory
    print(f"MB before, and after each thousand sessions that were dropped: {memory}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sessions", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    if asked.peer:
        serve_peer(asked.peer)
        return
    found = measured(asked.sessions, asked.seconds, asked.repeats)
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
