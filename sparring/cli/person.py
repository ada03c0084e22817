"""What a person is told when a game is over: who won, how the game stood, and what the others held."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

from sparring.cli import terminal
from sparring.protocols import Agent
from sparring.store.location import Location
from sparring.types import Episode

ShowEnd = Callable[[Episode], None]
PERSON = "human"
WORDS = {
    "wins": "won",
    "draws": "drew",
    "losses": "lost",
    "illegal_wins": "won by an illegal action of the other seat",
    "illegal_losses": "lost by an illegal action",
}


def plays(players: Sequence[Agent]) -> bool:
    """Whether a person is among the players: then nothing may be drawn beside the questions."""
    return any(player.name == PERSON for player in players)


def consent(store: Location | None) -> str:
    """What a person is told before the first game."""
    return "What you see and do is not recorded." if store is None else f"What you see and do is recorded in {store}."


def seats_of(episode: Episode) -> list[str]:
    """The seats in which a person played."""
    return [seat for seat, trajectory in episode.trajectories.items() if trajectory.agent == PERSON]


def show_end(episode: Episode) -> None:
    """Tell a person how a game ended; nothing for games without one."""
    seats = seats_of(episode)
    if seats and episode.error is None:
        terminal.note(terminal.filled(end_of_game(episode, seats), terminal.err))


def end_of_game(episode: Episode, seats: Sequence[str]) -> str:
    """The end of a game for the person in those seats, in words."""
    from sparring.scoreboard.final_view import final_views

    views = final_views(episode)
    lines = ["", f"The game is over. {_result(episode, seats)}"]
    told = set()
    for seat in [*seats, *(seat for seat in views if seat not in seats)]:
        view = views.get(seat, "").removesuffix("The game is over.").rstrip()
        if view and view not in told:
            told.add(view)
            who = "you" if seats == [seat] else _named(episode, seat)
            lines += [f"What {who} saw at the end:", textwrap.indent(view, "  ")]
    return "\n".join(lines)


def _result(episode: Episode, seats: Sequence[str]) -> str:
    if len(episode.trajectories) == 1:
        return f"You got {episode.trajectories[seats[0]].reward:+g}."
    from sparring.scoreboard.stats import outcome
    from sparring.store.rows import row_of

    who = "You" if len(seats) == 1 else f"{seats[0]}"
    rewards = ", ".join(f"{_named(episode, seat)} {t.reward:+g}" for seat, t in episode.trajectories.items())
    return f"{who} {WORDS[outcome(row_of(episode), seats[0])]}: {rewards}."


def _named(episode: Episode, seat: str) -> str:
    return f"{episode.trajectories[seat].agent} ({seat})"
