"""What `sparring play | eval` show: who won, how strong an agent is, how the parts of a suite went."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.markup import escape

from sparring.cli import terminal
from sparring.cli.tables import BETWEEN, SHORTEST, shortened, table_of
from sparring.plurals import number_of, plural
from sparring.scoreboard.names import play_words

if TYPE_CHECKING:
    from sparring.scoreboard.cross_table import CrossTable
    from sparring.scoreboard.evaluate import Evaluation
    from sparring.scoreboard.exact import ListSensitivity, Strength
    from sparring.scoreboard.perfect_play import PlayQuality
    from sparring.scoreboard.standings import Standing
    from sparring.scoreboard.stats import Estimate, Outcomes
    from sparring.scoreboard.suites import Score
    from sparring.store.rows import EpisodeRow


SHOWN_DECISIONS = 3
LEAST_SHOWN = 0.0005
"""What three digits show."""


def show_matches(rows: Sequence[Standing], episodes: int, faults: Sequence[str], json: bool) -> None:
    """Who earned how much and won how often, with intervals."""
    if json:
        terminal.dump({"standings": [asdict(row) for row in rows], "faults": list(faults)})
        return
    lines = []
    names = [row.agent for row in rows]
    play = play_words(*(row.env_id for row in rows))
    some_contested = play.contested and any(row.opponent for row in rows)
    for place, row in enumerate(rows, start=1):
        name = row.agent if names.count(row.agent) == 1 else f"{row.agent} (agent {place})"
        contested = ["", "", ""] if some_contested else []
        if some_contested and row.opponent:
            contested = [_record(row.outcomes, "/"), _share(row.win_rate), _share(row.illegal_rate)]
        lines.append((name, str(row.reward.n), _signed(row.reward, 2), *contested))
    columns = ("agent", plural(2, play.episode), "reward (95 % interval)")
    terminal.show_table((*columns, *(("W/D/L", "win", play.illegal) if some_contested else ())), lines)
    complain_of_faults(faults, episodes)


def complain_of_illegal(rows: Sequence[EpisodeRow]) -> None:
    """Agents whose actions were mostly illegal, or could not be read: their rewards say little about play."""
    turns, illegal = Counter[str](), Counter[str]()
    for row in rows:
        for seat, agent in row.agents.items():
            turns[agent] += row.turns[seat]
            illegal[agent] += row.illegal[seat]
    for agent, count in illegal.items():
        if count > turns[agent] / 2:
            share = 100 * count / turns[agent]
            terminal.complain(f"{share:.0f} % of the actions of {agent} were illegal or could not be read")


def show_cross_table(table: CrossTable) -> None:
    """What each agent earned a game against each other one: the row's agent against the column's."""
    lines = []
    for place, agent in enumerate(table.agents, start=1):
        cells = [table.cells.get((agent, other)) for other in table.agents]
        lines.append([str(place), agent, *("." if cell is None else f"{cell.value:+.2f}" for cell in cells)])
    terminal.out.print()
    terminal.show_table(("", "mean reward against", *(line[0] for line in lines)), lines, names=(1,))
    if not table.complete:
        terminal.say_wrapped(f"{table.meetings}: the order is by totals against different opponents")


def show_evaluation(what: str, measured: Evaluation, json: bool) -> None:
    """Exact strength among its references, and results."""
    if json:
        terminal.dump(asdict(measured))
        return
    if measured.settings:
        terminal.say_wrapped(
            "measured with " + ", ".join(f"{name} {value}" for name, value in measured.settings.items())
        )
    if measured.quality is not None:
        terminal.say_wrapped(_quality_in_words(measured.env_id, measured.quality))
    elif measured.nash_conv is None:
        terminal.say_wrapped(measured.no_exact)
    else:
        _show_exact_strength(what, measured, measured.nash_conv)
    if measured.standing is not None:
        terminal.say_wrapped(_results(measured.standing))
        complain_of_faults(measured.faults, measured.standing.episodes)
    if measured.unplayed:
        ended = 0 if measured.standing is None else measured.standing.episodes
        games = f"{ended:,} of {number_of(ended + measured.unplayed, 'game')} had ended"
        terminal.say_wrapped(f"interrupted: {games}{'; ' + FIRST if ended else ''}")


def _show_exact_strength(what: str, measured: Evaluation, nash_conv: float) -> None:
    header = f"NashConv in {measured.env_id} (0 is an equilibrium)"
    if terminal.out.width < len(header) + SHORTEST + 2 * BETWEEN:
        terminal.say_wrapped(header)
        header = "NashConv"
    table, room = table_of("policy", header), max(SHORTEST, terminal.out.width - len(header) - 2 * BETWEEN)
    ranked = sorted([*measured.references.items(), (what, nash_conv)], key=lambda pair: pair[1])
    for name, value in ranked:
        style = "bold" if name == what else ""
        table.add_row(escape(shortened(name, room)), f"{value:.6f}", style=style)
    terminal.out.print(table)
    if measured.lists is not None:
        terminal.say_wrapped(_lists_in_words(measured.lists))
    for name, pair in (("uniform", measured.against_uniform), ("equilibrium", measured.against_equilibrium)):
        if pair is not None:
            terminal.say_wrapped(
                f"exact payoff against {name}: {pair[0]:+.4f} moving first, {pair[1]:+.4f} moving second"
            )
    if measured.strength is not None:
        _show_decisions(measured.strength)


def _show_decisions(strength: Strength) -> None:
    """What beats the policy, and its own decisions that cost most."""
    first, second = strength.best_response
    terminal.say_wrapped(f"a best response wins {first:+.4f} moving first, {second:+.4f} moving second")
    answers = [one.answer_in_words for one in strength.answers() if one.gain >= LEAST_SHOWN]
    mistakes = [one.cost_in_words for one in strength.mistakes() if one.cost >= LEAST_SHOWN]
    for title, lines in (("where it gains most", answers), ("decisions that cost the policy most", mistakes)):
        shown = list(dict.fromkeys(lines))[:SHOWN_DECISIONS]  # in both seats of a game they can read alike
        for line in [f"{title}:"] * bool(shown) + [f"  {line}" for line in shown]:
            terminal.say_wrapped(line)


def _lists_in_words(lists: ListSensitivity) -> str:
    given, *others = lists.nash_conv
    figures = ", ".join(f"{value:.6f} {way}" for way, value in lists.nash_conv.items())
    apart = ", ".join(f"{lists.total_variation[way]:.3f} {way}" for way in others)
    return (
        f"by how the legal actions are listed: NashConv {figures}; policies differ from the one {given} by {apart} "
        "(total variation, the mean over states)"
    )


def _quality_in_words(env_id: str, quality: PlayQuality) -> str:
    return (
        f"exact, over every position of {env_id}: optimal moves {100 * quality.optimal:.1f} %, moves that give away a "
        f"win or a draw in its games against itself {100 * quality.blunders:.1f} %, "
        f"exploitability {quality.exploitability:.6f} (0 cannot be beaten)"
    )


def _results(row: Standing) -> str:
    """What an agent got out of its games against uniform play, or alone."""
    if row.opponent is None:
        return f"played {number_of(row.reward.n, 'episode')} alone: reward {_signed(row.reward)}"
    played = f"played {number_of(row.outcomes.n, 'game')} against uniform"
    if not row.outcomes.n:
        return f"{played}: nothing was measured"
    return (
        f"{played}: reward {_signed(row.reward)}, won / drawn / lost {_record(row.outcomes)}, "
        f"win rate {_percent(row.win_rate)}, lost by an illegal action {_percent(row.illegal_rate)}"
    )


def show_scores(suite: str, agent: str, scores: Sequence[Score], json: bool, of: int | None = None) -> None:
    """A suite's parts, each with its interval. `of`: after an interruption, how many parts there are."""
    if json:
        parts = [asdict(score) for score in scores]
        terminal.dump({"suite": suite, "agent": agent, "parts": parts, "interrupted": of is not None})
        return
    if of is not None:
        done = sum(not score.unplayed for score in scores)
        partly = f"; of the last one {FIRST}" if done < len(scores) else ""
        terminal.say_wrapped(f"interrupted: {done} of {number_of(of, 'part')} were played{partly}")
    if not scores:
        return
    some_faults, lines = any(score.faults for score in scores), []
    for score in scores:
        means = ("none", "none") if score.turns is None else (f"{score.turns:.2f}", f"{score.tokens:.0f}")
        constant = "none" if score.constant is None else f"{100 * score.constant.value:.1f} %"
        faults = [str(score.faults)] * some_faults
        tasks = (
            f"{score.accuracy.n} of {score.accuracy.n + score.unplayed}" if score.unplayed else str(score.accuracy.n)
        )
        lines.append([score.part, tasks, _percent(score.accuracy), constant, *means, *faults])
    columns = ["part", "tasks", "accuracy", "constant", "turns", "tokens", *(["faults"] * some_faults)]
    terminal.show_table(columns, lines)
    _show_metrics(scores)
    errors = [error for score in scores for error in score.errors]
    complain_of_faults(errors, sum(score.accuracy.n + score.faults for score in scores))


FAULT = re.compile(r"(?P<id>.*?): (?P<what>(?:env_error|agent_error|truncated): .*)", re.DOTALL)
FIRST = "those that ended first count, which may be the easy ones"
FAULTS = ("over_search", "premature_stop", "lucky_guess", "misread")
"""Metrics that are shown with their intervals."""


def _show_metrics(scores: Sequence[Score]) -> None:
    """The means of the metrics that a suite names; how it went wrong, with intervals over tasks."""
    names = list(dict.fromkeys(name for score in scores for name in score.metrics))
    plain = [name for name in names if name not in FAULTS]
    for shown, cell in ((plain, _mean), ([name for name in names if name in FAULTS], _mean_with_interval)):
        if shown:
            rows = [(score.part, *(cell(score.metrics[name]) for name in shown)) for score in scores]
            terminal.say("")
            terminal.show_table(("part", *(name.replace("_", " ") for name in shown)), rows)


def _mean(estimate: Estimate) -> str:
    return f"{estimate.value:.2f}" if estimate.n else ""


def _mean_with_interval(estimate: Estimate) -> str:
    if not estimate.n or estimate.lacks:
        return _mean(estimate)
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def complain_of_faults(faults: Sequence[str], episodes: int) -> None:
    """How many of the episodes broke off, and why."""
    if faults:
        are = "is" if len(faults) == 1 else "are"
        terminal.complain(f"{len(faults)} of {number_of(episodes, 'episode')} broke off and {are} not counted:")
        terminal.complain_of([_parted(fault) for fault in faults], most=5)


def _parted(fault: str) -> tuple[str, str]:
    """ "id: status: error" as the id and the rest."""
    found = FAULT.fullmatch(fault)
    return (found["id"], found["what"]) if found else ("", fault)


def _record(outcomes: Outcomes, between: str = " / ") -> str:
    won, lost = outcomes.wins + outcomes.illegal_wins, outcomes.losses + outcomes.illegal_losses
    return between.join(map(str, (won, outcomes.draws, lost)))


def _percent(estimate: Estimate) -> str:
    if not estimate.n:
        return str(estimate.lacks)
    return (
        f"{100 * estimate.value:.1f} % ({estimate.lacks or f'{100 * estimate.low:.1f} to {100 * estimate.high:.1f}'})"
    )


def _share(estimate: Estimate) -> str:
    return f"{100 * estimate.value:.1f} %" if estimate.n else str(estimate.lacks)


def _signed(estimate: Estimate, digits: int = 3) -> str:
    if not estimate.n:
        return str(estimate.lacks)
    low, high = (f"{end:+.{digits}f}" for end in (estimate.low, estimate.high))
    return f"{estimate.value:+.{digits}f} ({estimate.lacks or f'{low} to {high}'})"
