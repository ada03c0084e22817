"""`sparring serve`: environments, or a model, for the programs of other people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sparring import registry
from sparring.addresses import TOKEN, is_loopback
from sparring.cli import arguments, outline, terminal
from sparring.cli.interrupts import saying_what_is_kept
from sparring.cli.locations import StoreOrNone
from sparring.faults import require_writable

if TYPE_CHECKING:
    from sparring.serve.hall import Keep
    from sparring.serve.served import Served


def serve(
    envs: str | None = None,
    model: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    opponents: str = "random",
    store: StoreOrNone = None,
    max_sessions: int = 1_000,
    idle_seconds: float = 600.0,
    image: str | None = None,
) -> int:
    """Serve environments to clients of OpenEnv, AgentGym and the model context protocol, and to people; or a model.

    People play in a browser, at the address of an environment with /play behind it. A model is served as OpenAI's are.

    Everybody who knows the address may play. With the variable SPARRING_TOKEN clients must send its value as
    `Authorization: Bearer TOKEN`; an address that others can reach is served only then. Ctrl-C ends the server.

    Args:
        envs: Environments by commas, with their options (KuhnPoker, Adventure:difficulty=1), or a family for all of it
            that is installed: games, adventures, retrieval, code, robot, reflection.
        model: Serve this model to clients of OpenAI's protocol instead of environments (smollm2, nano, a path, a run
            folder).
        host: The address to listen at.
        port: The port to listen at; 0 takes a free one, and the first line says which.
        opponents: Agents by commas that clients may play against; the first one is meant where they name none.
        store: Keep every episode in this folder, or postgresql:// URL.
        max_sessions: How many clients may be connected at a time.
        idle_seconds: After so long a silence of a client its session is closed, and its game breaks off.
        image: Do not serve, but build a Docker image of this name whose containers serve these environments at port
            8000, out of what is installed here.
    """
    registry.require("uvicorn", "serve")
    registry.require("starlette", "serve")
    registry.require("websockets", "serve")
    token = os.environ.get(TOKEN) or None
    _require_usable(host, port, token, max_sessions, idle_seconds)
    if (envs is None) == (model is None):
        raise ValueError("name what is to be served: --envs KuhnPoker,Adventure or --model smollm2, one of the two")
    if model is not None and (store is not None or image is not None):
        raise ValueError("--store and --image are of environments: a served model records nothing, leave them out")
    if model is not None:
        return _serve_model(model, host, port, token or "")
    environments = _environments(envs or "")
    agents = arguments.split_agents(opponents)
    for spec in agents:
        outline.find_row(registry.agents, spec.partition(":")[0])
    if image is not None:
        return _build_image(image, envs or "", opponents)
    if isinstance(store, Path):
        require_writable(store)
    from sparring.store.store import Store

    opened = nullcontext() if store is None else Store(store, "a")
    with saying_what_is_kept(store), opened as kept:
        _run(environments, agents, None if kept is None else kept.append, host, port, token, max_sessions, idle_seconds)
    return 0


def _build_image(name: str, envs: str, opponents: str) -> int:
    from sparring.serve.image import build_image

    terminal.note("building the image: a minute or two")
    command = ["serve", "--envs", envs, "--opponents", opponents, "--host", "0.0.0.0", "--port", "8000"]
    build_image(name, command, ("serve", *_extras(envs)))
    terminal.say(f"{name} is built: docker run -e {TOKEN}=SECRET -p 127.0.0.1:8000:8000 {name}")
    return 0


def _extras(envs: str) -> set[str]:
    """The extras that environments need."""
    return {extra for one in _environments(envs) if (extra := registry.envs.row(one.env_id).extra)}


def _serve_model(model: str, host: str, port: int, token: str) -> int:
    """Until Ctrl-C."""
    from sparring.agents.endpoint import serve_model

    with suppress(KeyboardInterrupt):
        server = serve_model(model, host=host, port=port, token=token)
        (name,) = server.endpoint.models
        terminal.say(f"serving until Ctrl-C: {server.base_url}, model {name}")
        server.serve_forever()
    return 0


def _require_usable(host: str, port: int, token: str | None, max_sessions: int, idle_seconds: float) -> None:
    """Raises ValueError for what no server could be run with, or should."""
    if not 0 <= port < 2**16:
        raise ValueError(f"port must be in 0..65535, got {port}")
    if max_sessions < 1:
        raise ValueError(f"max-sessions must be >= 1, got {max_sessions}")
    if not 0 < idle_seconds < float("inf"):
        raise ValueError(f"idle-seconds must be > 0, got {idle_seconds}")
    if token is None and not is_loopback(host):
        raise ValueError(
            f"others can reach {host}: set {TOKEN} to a secret that clients must send, or leave out --host"
        )


def _environments(names: str) -> list[Served]:
    """What is to be served. Raises UnknownName, ValueError; what a family lacks here is noted and left out."""
    from sparring.serve.served import require_distinct, served

    families = {row.family for row in outline.outline(registry.envs)}
    found: list[Served] = []
    for name in filter(None, (part.strip() for part in names.split(","))):
        if name in families:
            found += _family(name)
        else:
            env_id, options = arguments.env(name)
            found.append(served(_short(env_id), env_id, options))
    if not found:
        raise ValueError("envs must name an environment, such as KuhnPoker")
    require_distinct(found)
    return found


def _family(name: str) -> list[Served]:
    from sparring.serve.served import served

    found = []
    for row in outline.outline(registry.envs):
        if row.family != name:
            continue
        try:
            registry.envs.make(row.name).close()
            found.append(served(_short(row.name), row.name, {}))
        except (ImportError, ValueError, OSError) as error:
            terminal.note(f"{_short(row.name)} is left out: {error}")
    return found


def _short(env_id: str) -> str:
    """The name in addresses: KuhnPoker, gym-FrozenLake-v1."""
    name = env_id.removeprefix("sparring/").removesuffix("-v0")
    return "".join(char if char.isalnum() or char in "-_." else "-" for char in name)


def _run(
    environments: Sequence[Served],
    opponents: Sequence[str],
    keep: Keep | None,
    host: str,
    port: int,
    token: str | None,
    max_sessions: int,
    idle_seconds: float,
) -> None:
    import asyncio

    from sparring.serve.app import Server
    from sparring.serve.hall import Hall
    from sparring.serve.running import running

    async def run() -> None:
        server = Server(environments, Hall(opponents, keep), max_sessions, idle_seconds)
        await running(server.app(token, is_loopback(host)), host, port, lambda address: _say(address, environments))

    with suppress(KeyboardInterrupt):
        asyncio.run(run())


def _say(address: str, environments: Sequence[Served]) -> None:
    terminal.say(f"serving until Ctrl-C: {address}")
    for one in environments:
        terminal.say(f"  {address}/{one.name}  {one.summary}")
