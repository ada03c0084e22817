"""The top of a report: a verdict in one sentence, and what a run was made with."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sparring.plurals import number_of
from sparring.scoreboard.cross_table import CrossTable
from sparring.scoreboard.names import env_words, model_words, play_words, unit_of
from sparring.scoreboard.report.charts import number
from sparring.scoreboard.report.curves import AVERAGE, NASH, column, suffixes
from sparring.scoreboard.standings import RunData, Standing
from sparring.scoreboard.stats import Estimate

VERSIONS = ("sparring", "python", "torch", "transformers")
METHODS = {"spiral": "self-play"}
MOST_LEADERS = 4
"""Environments whose best agent the headline names; of more it says how many there are."""
ARROW = " \N{RIGHTWARDS ARROW} "


@dataclass(frozen=True, slots=True)
class Headline:
    """The first thing to know of a run in one environment: a sentence, and (name, value, remark) each."""

    run: str
    env_id: str | None
    verdict: str
    tiles: tuple[tuple[str, str, str], ...]


def headlines(run: RunData) -> Iterator[Headline]:
    """One an environment that was solved; else one for the run."""
    shared = _shared_tiles(run)
    if run.lost_metrics:
        yield Headline(run.label, None, incomplete_verdict(run), shared)
        return
    if run.transfer:
        yield Headline(run.label, None, run.transfer.headline, shared)
        return
    if run.methods:
        yield Headline(run.label, None, run.methods.verdict, shared)
        return
    if run.critic:
        yield Headline(run.label, None, run.critic.verdict, shared)
        return
    env_ids = suffixes([run], NASH)
    for env_id in env_ids:
        yield Headline(run.label, env_id, solved_verdict(run, env_id), (*_strength_tiles(run, env_id), *shared))
    if not env_ids:
        yield Headline(run.label, None, played_verdict(run), shared)


def facts(run: RunData) -> list[tuple[str, str]]:
    """(name, value): what a run was made with, as far as it is known."""
    made = run.config.get("made_with")
    made = made if isinstance(made, Mapping) else {}
    versions = ", ".join(f"{name} {made[name]}" for name in VERSIONS if made.get(name))
    seconds = sum(line["seconds"] for line in run.metrics if isinstance(line.get("seconds"), int | float))
    model = run.settings.get("model")
    found = {
        "State": state(run),
        "Method": run.config.get("method"),
        "Model": f"{model_words(str(model))} ({model})" if model and model_words(str(model)) != model else model,
        "Games": ", ".join(env_words(str(game)) for game in run.settings.get("games") or ()),
        "Started": str(made.get("started", "")).replace("T", " ").replace("+00:00", " UTC"),
        "Time spent": duration(seconds) if seconds else "",
        "Seed": run.settings.get("seed"),
        "Versions": versions,
        "Source commit": made.get("commit"),
        "Hardware": made.get("hardware"),
    }
    return [(name, str(value)) for name, value in found.items() if value not in (None, "")]


def state(run: RunData) -> str:
    """Whether a run came to its end; "" for a store, and where nothing says so."""
    if run.lost_metrics:
        return "unknown: lines of metrics.jsonl are lost"
    steps, done = run.settings.get("steps"), run.metrics[-1].get("update") if run.metrics else None
    if not isinstance(steps, int) or not isinstance(done, int):
        return ""
    if done < steps:
        return f"not finished: {done + 1} of {number_of(steps, 'update')} done"
    return f"finished, {number_of(steps, 'update')}"


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    minutes, hours = seconds / 60, seconds / 3600
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes:.0f} min" if minutes < 90 else f"{hours:.1f} h"


def solved_verdict(run: RunData, env_id: str) -> str:
    """How far a run came in a game whose exact strength was worked out."""
    points = column(run, NASH + env_id)
    who, game = model_words(str(run.settings.get("model", run.label))), env_words(env_id)
    if not points:
        return f"{who} trained on {game}; its NashConv was not a number in any update."
    references = run.references.get(env_id, {})
    trivial = {name: value for name, value in references.items() if not name.startswith("equilibrium")}
    bar = min(trivial, key=trivial.__getitem__, default=None)
    first, (update, best), last = points[0][1], min(points, key=lambda point: point[1]), points[-1][1]
    path = f"{_short(first)}{ARROW}{_short(best)}" if len(points) > 1 else _short(first)
    later = f" (update {number(update)}; {_short(last)} at the end)" if _short(last) != _short(best) else ""
    beside = "; ".join(
        [
            *([f"{bar} {_short(trivial[bar])}"] if bar else []),
            *(["equilibrium 0"] if len(trivial) < len(references) else []),
        ]
    )
    method = METHODS.get(str(run.config.get("method")), "")
    what = f"{game} by {method}" if method else game
    learned = _learned(what, first, best, trivial[bar] if bar else math.inf, bar)
    return f"{who} {learned}: NashConv {path}{later}{'; ' if beside else ''}{beside}."


def _learned(game: str, first: float, best: float, bar: float, name: str | None) -> str:
    """What may be said: a policy that is no better than one that never looks at its cards has not learned the game."""
    if best > 0.98 * first:
        return f"did not get better at {game}"
    return f"learned {game}" if best < 0.95 * bar else f"got better at {game}, but is no better than {name}"


def incomplete_verdict(run: RunData) -> str:
    """What a run was, where its figures are not whole: they could say the opposite of what happened."""
    return f"{_trained(run)}; how well is not known, because {run.lost_metrics}."


def _trained(run: RunData) -> str:
    who = model_words(str(run.settings.get("model", run.label)))
    games = " and ".join(env_words(str(game)) for game in run.settings.get("games") or ())
    return f"{who} trained on {games}" if games else f"{run.label} holds {number_of(run.episodes, 'episode')}"


def played_verdict(run: RunData) -> str:
    """How a run or the agents of a store did by their games."""
    if len(run.tables) > MOST_LEADERS:
        return _many(run.tables)
    if run.tables:
        return " ".join(_leader(table) for table in run.tables)
    who = model_words(str(run.settings.get("model", run.label)))
    pairs = [*_before_and_after(run)]
    if pairs:
        return " ".join(_progress(who, before, after) for before, after in pairs)
    return f"{_trained(run)}; nothing in it measures strength."


def _many(tables: Sequence[CrossTable]) -> str:
    """Who played where, without a figure each: the standings have them."""
    agents = list(dict.fromkeys(agent for table in tables for agent in table.agents))
    where = list(dict.fromkeys(env_words(table.env_id) for table in tables))
    variants = "" if len(where) == len(tables) else f", in {len(tables)} variants"
    who = agents[0] if len(agents) == 1 else number_of(len(agents), "agent")
    return f"{who} in {number_of(len(where), 'environment')}{variants}: {', '.join(where)}."


def _leader(table: CrossTable) -> str:
    game, unit = env_words(table.env_id) + (f" ({table.variant})" if table.variant else ""), _unit_a_game(table)
    counted = [agent for agent in table.agents if table.totals[agent].n]
    if not counted:
        return f"No game of {game} came to its end."
    first, total = counted[0], table.totals[counted[0]]
    said = f"{_amount(total)} {unit}"
    if len(counted) == 1:
        return f"{first} in {game}: {said}."
    if not table.complete:
        return f"{len(table.agents)} agents in {game}: {table.meetings}, so their totals do not say who is better."
    second = table.totals[counted[1]]
    clear = total.low > second.high
    among = "" if len(counted) == 2 else f" of {len(counted)} agents"
    doubt = "" if clear else f", not clearly more than {counted[1]}"
    return f"{first} earned most{among} in {game}: {said}{doubt}."


def _unit_a_game(table: CrossTable) -> str:
    return f"{unit_of(table.env_id)} {'a game' if table.cells else 'an episode'}"


def _amount(estimate: Estimate) -> str:
    value = signed(estimate.value)
    return value if estimate.lacks else f"{value} ({signed(estimate.low)} to {signed(estimate.high)})"


def _before_and_after(run: RunData) -> Iterator[tuple[Standing, Standing]]:
    """How a run's model did against the same opponent before its first update and by the weights of its last games."""
    for before in run.standings:
        name, first, _ = before.agent.partition(" (before)")
        later = [
            (update, one)
            for one in run.standings
            if (one.env_id, one.opponent) == (before.env_id, before.opponent) and one.reward.n
            if first and (update := _update_in(one.agent, name))
        ]
        if later and before.reward.n:
            yield before, max(later, key=lambda pair: pair[0])[1]


def _update_in(agent: str, name: str) -> int:
    """12 for "NAME (update 12)"; 0 for other names."""
    found = re.fullmatch(re.escape(name) + r" \(update (\d+)\)", agent)
    return int(found[1]) if found else 0


def _progress(who: str, before: Standing, after: Standing) -> str:
    clear = after.reward.low > before.reward.high
    game, unit = env_words(before.env_id), unit_of(before.env_id)
    against = f"a game against {before.opponent}" if _is_contest(before) else "an episode"
    change = f"{signed(before.reward.value)}{ARROW}{_amount(after.reward)} {unit} {against}"
    return f"{who} {'got better at' if clear else 'is not clearly better at'} {game}: {change}."


def _is_contest(one: Standing) -> bool:
    return one.opponent is not None and play_words(one.env_id).contested


def _strength_tiles(run: RunData, env_id: str) -> Iterator[tuple[str, str, str]]:
    last, average = column(run, NASH + env_id), column(run, AVERAGE + env_id)
    if not last:
        yield "NashConv", "not a number", "in every update"
        return
    update, best = min(last, key=lambda point: point[1])
    yield "NashConv at first", number(last[0][1]), f"update {number(last[0][0])}"
    yield "best", number(best), f"update {number(update)}"
    yield "last", number(last[-1][1]), f"update {number(last[-1][0])}"
    if average:
        update, best = min(average, key=lambda point: point[1])
        yield "best average", number(best), f"update {number(update)}"


def _shared_tiles(run: RunData) -> tuple[tuple[str, str, str], ...]:
    share = f"{100 * run.illegal_turns / run.turns:.3g} %" if run.turns else "no turns"
    illegal = play_words(*(one.env_id for one in run.standings)).illegal
    return (
        ("episodes", f"{run.episodes:,}", number_of(run.turns, "turn")),
        (f"{illegal} actions", share, f"{run.illegal_turns:,} of {number_of(run.turns, 'turn')}"),
    )


def _short(value: float) -> str:
    """Two decimals, or two digits where the value is smaller than that; what rounds to nothing is 0."""
    return f"{value:.2f}" if abs(value) >= 0.1 else number(float(f"{value:.2g}")) if abs(value) >= 0.001 else "0"


def signed(value: float) -> str:
    """Two decimals with the sign."""
    return f"{value:+.2f}".replace("-", "\N{MINUS SIGN}")
