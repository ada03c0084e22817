"""Names for environments, agents and training methods: one decorator adds one, everything else finds it by name.

Looking a name up imports the folder that registers it (and every distribution with an entry point of the same
group), so a new file is enough and `import sparring` stays light. A distribution that fails is left out with a warning;
a module of ours that fails to import is an error.
"""

from __future__ import annotations

import inspect

from sparring.protocols import Agent
from sparring.registry.errors import MissingExtra, UnknownName, installed, require, require_installed, unknown
from sparring.registry.plugins import import_submodules, left_out
from sparring.registry.registry import Registry
from sparring.registry.rows import AgentRow, Environment, EnvironmentRow, MethodRow, Row
from sparring.specs import ARGUMENT, parse_spec, typed_options

__all__ = [
    "AgentRow",
    "Environment",
    "EnvironmentRow",
    "MethodRow",
    "MissingExtra",
    "Registry",
    "Row",
    "UnknownName",
    "agents",
    "envs",
    "import_submodules",
    "installed",
    "left_out",
    "make_agent",
    "require",
    "require_installed",
    "trainers",
    "unknown",
]

envs = Registry("environment", EnvironmentRow, "sparring.envs")
agents = Registry("agent", AgentRow, "sparring.agents")
trainers = Registry("training method", MethodRow, "sparring.trainers", package="sparring.trainers.methods")


def make_agent(spec: str, **extra: object) -> Agent:
    """The agent that a spec names: "random", "constant:bet", "tree-of-code:smollm2:width=3".

    Raises UnknownName, and ValueError where the argument is missing or too much, or an option is wrong.
    """
    parsed = parse_spec(spec)
    build = agents.row(parsed.name).build
    argument = inspect.signature(build).parameters.get(ARGUMENT)
    if parsed.argument is not None and argument is None:
        raise ValueError(f"agent {parsed.name!r} takes no argument, got {spec!r}")
    if argument is not None and argument.default is argument.empty and not parsed.argument:
        raise ValueError(f"agent {parsed.name!r} needs an argument after a colon, `{parsed.name}:...`, got {spec!r}")
    options = typed_options(f"agent {parsed.name!r}", build, parsed.options)
    given = {} if parsed.argument is None else {ARGUMENT: parsed.argument}
    return agents.make(parsed.name, **given, **{**extra, **options})
