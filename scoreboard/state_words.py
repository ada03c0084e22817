"""Information states in the words of their observations."""

from __future__ import annotations

from collections.abc import Sequence

from sparring.scoreboard import game_theory


def states_in_words(env_id: str) -> dict[str, str]:
    """State key -> what the seat knows, in the order of play: the text of the observation without what all share."""
    solved = game_theory.solved_game(env_id)
    states = solved.states
    texts = {key: state.text.splitlines() for key, state in states.items()}
    shared = set.intersection(*(set(lines) for lines in texts.values())) if len(texts) > 1 else set()
    order = sorted(states, key=lambda key: (states[key].turn, solved.seats[key]))
    return {key: _without_menu(texts[key], shared, states[key].legal_actions or ()) or key for key in order}


def _without_menu(lines: Sequence[str], shared: set[str], actions: Sequence[str]) -> str:
    """The lines that say something: not the rules, and not the line that lists the actions."""
    menu = [line for line in lines if all(f"[{action}]" in line for action in actions)]
    return " ".join(line for line in lines if line not in shared and line not in menu)
