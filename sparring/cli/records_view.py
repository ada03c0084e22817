"""What `sparring replay | verify` show: an episode, turn by turn, and whether a store holds what was played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from sparring.cli import terminal
from sparring.content import shown
from sparring.encoding import episode_to_dict
from sparring.plurals import plural
from sparring.types import Episode

if TYPE_CHECKING:
    from sparring.scoreboard.verify import VerifyResult


def show_episode(episode: Episode, json: bool) -> None:
    """One episode, turn by turn."""
    if json:
        terminal.dump(episode_to_dict(episode))
        return
    head = f"{episode.id}: {episode.env_id}, seed {episode.seed}, {episode.status}, sha256 {episode.hash}"
    terminal.say(f"{terminal.filled(head, terminal.out)}\n")
    for seat, turn in episode.turns:
        agent = episode.trajectories[seat].agent
        _show_heading(f"turn {turn.index}: {seat} ({agent})")
        terminal.say_wrapped("\n".join(map(shown, turn.observation.content)))
        generated = [segment for segment in turn.segments if segment.logprobs]
        logprob = f"  (log-probability {sum(sum(s.logprobs or ()) for s in generated):.3f})" if generated else ""
        terminal.say_wrapped(f"> {turn.action[:2000]!r}{'' if turn.legal else '  ILLEGAL'}{logprob}\n")
    for seat, trajectory in episode.trajectories.items():
        parts = ", ".join(f"{name} {value:+g}" for name, value in trajectory.reward_parts.items())
        terminal.say(f"{seat} ({trajectory.agent}): reward {trajectory.reward:+g}{f' ({parts})' if parts else ''}")
    if episode.error:
        terminal.complain(episode.error)


def _show_heading(text: str) -> None:
    """A rule across the screen; where nobody looks, a short one."""
    if terminal.out.is_terminal:
        terminal.out.rule(escape(terminal.printable(text)), align="left")
    else:
        terminal.say(f"--- {text}")


def show_verification(result: VerifyResult) -> None:
    """What a verification found."""
    terminal.complain_of([fault.parts for fault in result.faults], most=20)
    episodes, turns = plural(result.episodes, "episode"), plural(result.turns, "turn")
    done = f"{result.episodes} {episodes}, {result.turns} {turns} re-executed in {result.seconds:.1f} s"
    terminal.say_wrapped(f"{done}: {_verdict(result)}")
    terminal.say(f"store root {result.root}")


def show_board_check(page: Path, differences: Sequence[str]) -> None:
    """Whether a board is what its episodes give."""
    terminal.complain_of([("", difference) for difference in differences], most=len(differences))
    verdict = (
        "is NOT what these episodes give" if differences else "every number and letter is what these episodes give"
    )
    terminal.say_wrapped(f"{page}: {verdict}")


def dump_verification(results: Sequence[VerifyResult], differences: Sequence[str] | None) -> None:
    """The same as JSON: of one store its result, with `board` the differences of a page."""
    found = [{**asdict(one), "not_compared": len(one.not_compared), "ok": one.ok} for one in results]
    told: dict[str, object] = found[0] if len(found) == 1 else {"stores": found}
    terminal.dump(told if differences is None else {**told, "board": list(differences)})


def _verdict(result: VerifyResult) -> str:
    one = result.broken_off == 1
    broken = f"{result.broken_off} {'was' if one else 'were'} broken off by a fault and {'is' if one else 'are'} "
    broken += f"verified only as far as {'it' if one else 'they'} went"
    if result.faults:
        found = _faults_in_words(len(result.faults) - len(result.not_compared), len(result.not_compared))
    elif result.ok:
        found = "all as recorded"
    else:
        found = "NOTHING was verified, as none had come to its end"
    return f"{found}; {broken}" if result.broken_off else found


def _faults_in_words(different: int, not_compared: int) -> str:
    """What differs, and what nobody can say anything of."""
    which = "it" if not_compared == 1 else "they"
    said = {
        f"{different} NOT as recorded": different,
        f"{not_compared} could NOT BE COMPARED, as {which} cannot be played again here": not_compared,
    }
    return "; ".join(words for words, count in said.items() if count)
