"""A person who plays in a browser: what the page shows, and the answers that it brings.

    play ─► PagePlayer.act ─► PlayPage.ask ─► the page shows it ─► PlayPage.answer ─► the action

The games go on in one thread and the page is served in others, so all of it is behind one lock. What the page shows is
kept here: a page that is loaded again, or closed and opened later, goes on where it was.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass

from sparring.agents.people import PersonLeft
from sparring.agents.scripted import ScriptedAgent
from sparring.protocols import Seat
from sparring.scoreboard.report.game_board import boards_in
from sparring.types import Episode, Observation, Reply

YOU_LEFT = "you left the game"
State = dict[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """What the person is asked."""

    number: int
    """Counts up, so that an answer to an earlier question is known as one."""
    observation: Observation
    answer: Future[str | None]
    """None: the person left."""

    @property
    def is_open(self) -> bool:
        """Whether the games wait for an answer."""
        return not self.answer.done()


class PlayPage:
    """What one person's page shows, and what the games wait for."""

    def __init__(self) -> None:
        self.begun, self.left = threading.Event(), threading.Event()
        """Whether the person has agreed to begin, and whether the person is gone."""
        self._changed = threading.Condition()
        self._version = 0
        self._question: Question | None = None
        self._numbers = 0
        self._games: list[str] = []
        """The episodes in which the person was asked, or which are over."""
        self._seat: Seat | None = None
        self._seen: list[str] = []
        """The texts that the person saw in this game."""
        self._did: list[str] = []
        """What the person answered to them."""
        self._over: State | None = None
        """The end of a game, until the person goes on to the next one."""
        self._finished = self._ended = False

    async def ask(self, observation: Observation, seat: Seat) -> str:
        """What the person answers, when it is there. Raises PersonLeft."""
        answer: Future[str | None] = Future()
        with self._changed:
            if self._seat is None or self._seat.episode != seat.episode:
                self._games.append(seat.episode)
                self._seen, self._did = [], []
            self._seat = seat
            self._seen.append(observation.text)
            self._numbers += 1
            self._question = Question(self._numbers, observation, answer)
            if self.left.is_set():
                answer.set_result(None)
            self._change()
        given = await asyncio.wrap_future(answer)
        if given is None:
            raise PersonLeft(YOU_LEFT)
        return given

    def begin(self) -> None:
        """The person agrees to what is recorded: the first game begins."""
        with self._changed:
            self.begun.set()
            self._change()

    def answer(self, number: object, action: str) -> None:
        """The person's answer to a question. Raises ValueError for another question, and for what is not legal."""
        with self._changed:
            asked = self._question
            if asked is None or not asked.is_open or asked.number != number:
                raise ValueError("this was asked earlier: the page shows what is asked now")
            legal = asked.observation.legal_actions
            if legal is not None and action not in legal:
                raise ValueError(f"{action!r:.80} is not legal here")
            self._did.append(action)
            asked.answer.set_result(action)
            self._change()

    def go_on(self) -> None:
        """The person has seen how the last game ended."""
        with self._changed:
            self._over = None
            self._change()

    def leave(self) -> None:
        """The person leaves: the game that is in play, and those to come, are not played."""
        with self._changed:
            self.left.set()
            self.begun.set()
            if self._question is not None and self._question.is_open:
                self._question.answer.set_result(None)
            self._change()

    def end_game(self, episode: Episode, seats: Sequence[str], words: str, replay: str) -> None:
        """Show how a game ended that the person played; `replay`: the command that shows it again, or "".

        The next game may have begun already.
        """
        seen = [turn.observation.text for turn in episode.trajectories[seats[0]].turns]
        last = episode.trajectories[seats[0]].last
        board = boards_in(episode.env_id, seen[-1:], last.text if last else "")
        with self._changed:
            if episode.id not in self._games:
                self._games.append(episode.id)
            if self._seat is not None and self._seat.episode == episode.id:
                self._question = None
            self._over = {
                "game": self._games.index(episode.id) + 1,
                "words": words,
                "replay": replay,
                "board": board and asdict(board),
                "actions": [
                    {
                        "seat": seat,
                        "agent": episode.trajectories[seat].agent,
                        "action": turn.action,
                        "legal": turn.legal,
                    }
                    for seat, turn in episode.turns
                ],
            }
            self._change()

    def finish(self) -> None:
        """All games are over."""
        with self._changed:
            self._finished = True
            self._change()

    def close(self) -> None:
        """The page is no longer served: who looks at it is told."""
        with self._changed:
            self._ended = True
            self._change()

    def state(self, known: int = -1, seconds: float = 0.0) -> State:
        """What the page shows: as soon as it is newer than the version that is known, at the latest after some time."""
        with self._changed:
            ended = self._ended or self.left.is_set()
            self._changed.wait_for(lambda: ended or self._version != known, seconds)
            return {
                "version": self._version,
                "begun": self.begun.is_set(),
                "finished": self._finished,
                "ended": self._ended or self.left.is_set(),
                "game": len(self._games),
                "over": self._over,
                "asked": self._asked(),
            }

    def _asked(self) -> Mapping[str, object] | None:
        """The question, or the last one while others play."""
        if self._question is None or self._seat is None:
            return None
        observation = self._question.observation
        board = boards_in(self._seat.env_id, self._seen[-2:])
        return {
            "number": self._question.number,
            "open": self._question.is_open,
            "seat": self._seat.seat,
            "text": observation.text,
            "did": self._did,
            "earlier": self._seen[:-1],
            "board": board and asdict(board),
            "actions": observation.legal_actions or observation.suggested_actions or (),
            "free": observation.legal_actions is None,
        }

    def _change(self) -> None:
        self._version += 1
        self._changed.notify_all()


class PagePlayer(ScriptedAgent):
    """A person at a page: its name in records is that of a person at the terminal."""

    waits = True

    def __init__(self, page: PlayPage) -> None:
        super().__init__("human")
        self.page = page

    async def act(self, observation: Observation) -> Reply:
        """What the person answers. Raises PersonLeft."""
        return Reply(await self.page.ask(observation, self.seat))
