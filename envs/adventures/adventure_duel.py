"""Writer against solver: one seat writes a text adventure, the other plays it, several times over.

    pettingzoo: sparring.make("sparring/AdventureDuel-v0", attempts=3)

The writer is paid for a game that is proven winnable, that the solver does not win at its first attempt, and that it
does win at a later one: a game that is neither too easy nor too hard for this very solver. The idea is that of
asymmetric self-play (Sukhbaatar et al., arXiv 1703.05407), where one player sets tasks that the other can just not do
yet; there the tasks are states of the same environment, here they are games, and a proof takes the place of a
demonstration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from sparring import registry
from sparring.envs.adventures.duel_words import fill_with_stock, idea_of
from sparring.envs.adventures.hundred import fingerprints
from sparring.envs.any_text import SharedText
from sparring.envs.code.feedback import CHARSET
from sparring.envs.duel import Duel
from sparring.envs.games.two_player import whole_seed
from sparring.registry import require

if TYPE_CHECKING:
    from sparring.envs.adventures.worlds.simulator import Simulator
    from sparring.envs.adventures.writing.desk import WriterDesk

WRITER, SOLVER = SEATS = ("writer", "solver")
Words = Literal["stock", "own"]
MOST_OBSERVED, MOST_WRITTEN = 20_000, 2_000
"""Characters."""
DIFFICULTIES = 5
ROOM = 2
"""Commands of an attempt, for each command of the shortest plan, where `attempt_turns` is left out."""
Info = dict[str, object]


@registry.envs.register(
    "sparring/AdventureDuel-v0",
    family="adventures",
    seats=2,
    seat_names=("writer", "solver"),
    skills=("language", "planning", "creativity"),
    extra="adventures",
    version="1",
    reward_range=(0.0, 1.0),
    unit="points",
)
class AdventureDuel(Duel):
    """One seat writes a text adventure, the other tries to win it.

    attempts: how often the solver may begin the game again; it stops when it has won.
    difficulty: 1 to 5, how long the game's shortest plan is to be, at least and at most.
    words: "stock": the writer decides how the game is built, and names and sentences come from the themes; every turn
        is then a choice among listed actions. "own": it writes these too.
    attempt_turns: commands of an attempt; None: twice as many as the shortest plan has.
    max_turns: after that many actions of both seats the episode is truncated.

    The solver is paid the share of the highest score that its best attempt came to. The writer is paid 1 if its game
    was proven, not won at the first attempt, and won at a later one; else 0. A game that cannot be proven ends the
    episode, and pays nobody. Any text is a valid action; what is not understood costs the turn. Needs the extra
    "adventures".
    """

    metadata: dict[str, object] = {**Duel.metadata, "name": "sparring/AdventureDuel-v0"}

    def __init__(
        self,
        attempts: int = 3,
        difficulty: int = 1,
        words: Words = "stock",
        *,
        attempt_turns: int | None = None,
        max_turns: int | None = None,
        list_actions: bool = True,
        render_mode: str | None = None,
    ) -> None:
        if attempts < 2:
            raise ValueError(f"attempts must be >= 2, so that there is a later one, got {attempts}")
        if difficulty not in range(1, DIFFICULTIES + 1):
            raise ValueError(f"difficulty must be from 1 to {DIFFICULTIES}, got {difficulty!r}")
        if words not in get_args(Words):
            raise ValueError(f"words must be 'stock' or 'own', got {words!r}")
        for name, value in (("attempt_turns", attempt_turns), ("max_turns", max_turns)):
            if value is not None and value < 1:
                raise ValueError(f"{name} must be >= 1, got {value}")
        require("pydantic", "adventures")
        self.attempts, self.difficulty, self.words = attempts, difficulty, words
        self.attempt_turns, self.max_turns = attempt_turns, max_turns
        self.list_actions, self.render_mode = list_actions, render_mode
        super().__init__(SEATS, SharedText(MOST_OBSERVED, charset=CHARSET), SharedText(MOST_WRITTEN, charset=CHARSET))

    def reset(self, seed: int | None = None, options: dict[str, object] | None = None) -> None:
        """Begin with the idea of a seed; `options` are not used."""
        from sparring.envs.adventures.writing.desk import WriterDesk

        if seed is not None:
            self._rng.seed(whole_seed(seed))
        self._number = self._rng.integer(0, 2**62)
        self._desk: WriterDesk = WriterDesk(idea_of(self._number), self.difficulty, self._number, fingerprints())
        self._player: Simulator | None = None
        self._attempt, self._best, self._turns, self._said = 1, 0.0, 0, ""
        self._begin(WRITER)
        self._fill()
        self._show(WRITER, illegal=False)
        if self._desk.slot is None:
            raise RuntimeError(f"the idea of seed {seed} leaves nothing to decide")

    def observe(self, agent: str) -> str:
        """What a seat sees: the slot to fill, or the game."""
        if agent == WRITER:
            return self._desk.prompt if self._player is None else f"{self._desk.verdict}\n{self._course()}"
        if self._player is None:
            return "The game is being written." if self._desk.slot is not None else "There is no game to play."
        return f"Attempt {self._attempt} of {self.attempts}.\n{self._said}{self._player.text}"

    def _act(self, seat: str, action: str) -> None:
        self._turns += 1
        self._write(action) if seat == WRITER else self._play(action)
        if not self._over and self.max_turns is not None and self._turns >= self.max_turns:
            self._end(truncated=True)

    # The writer's turns.

    def _write(self, action: str) -> None:
        refused = self._desk.answer(action)
        self._fill()
        self._show(WRITER, illegal=bool(refused))
        if self._desk.slot is None:
            self._hand_over()

    def _fill(self) -> None:
        if self.words == "stock":
            fill_with_stock(self._desk, self._number)

    def _hand_over(self) -> None:
        """The game is written: the solver begins, or nobody does."""
        from sparring.envs.adventures.worlds.compiler import compile_game
        from sparring.envs.adventures.worlds.simulator import Simulator, Stage

        game, manifest = self._desk.game, self._desk.manifest
        if game is None or manifest is None:
            self._end(truncated=False)
            return
        self._player = Simulator(Stage(compile_game(game)), self.attempt_turns or ROOM * manifest.length)
        self.agent_selection = SOLVER
        self._show(SOLVER, illegal=False)
        self.infos[SOLVER]["hidden"] = {"plan": list(manifest.plan)}

    # The solver's turns.

    def _play(self, action: str) -> None:
        player = self._game
        player.submit(action)
        self._said = ""
        share = player.score / player.max_score
        gained, self._best = max(0.0, share - self._best), max(self._best, share)
        illegal, skill = player.illegal, player.skill
        won = player.ending == "won"
        over = player.ending is not None or player.turn >= player.most_turns
        if over and not won and self._attempt < self.attempts:
            self._begin_again()
        self._show(SOLVER, illegal)
        self.infos[SOLVER]["skill"] = skill
        self._pay(SOLVER, gained)
        if won:
            self._pay(WRITER, float(self._attempt > 1))
            self._end(truncated=False)
        elif over and not self._said:
            self._end(truncated=True)

    def _begin_again(self) -> None:
        """The next attempt; the last text of the one before stands above its first."""
        player = self._game
        self._said = f"The last attempt ended like this:\n{player.text}\nNow the game begins again.\n"
        self._attempt += 1
        player.reset()

    @property
    def _game(self) -> Simulator:
        assert self._player is not None
        return self._player

    # What both share.

    def _show(self, seat: str, illegal: bool) -> None:
        """Fresh info for a seat."""
        info: Info = {"illegal": illegal, "task": self._desk.idea}
        actions: tuple[str, ...] | None
        if seat == WRITER:
            slot = self._desk.slot
            info |= {"slot": slot.name if slot else "", "difficulty": self.difficulty}
            actions = self._desk.choices
        else:
            player, view = self._game, self._game.view
            info |= {
                "score": player.score,
                "max_score": player.max_score,
                "turns_left": player.most_turns - player.turn,
            }
            info |= {"room": view.room, "inventory": view.inventory, "skill": player.skill, "attempt": self._attempt}
            actions = view.commands
        if actions and self.list_actions:
            info["legal_actions"] = actions
        self.infos[seat] = info

    def _pay(self, seat: str, reward: float) -> None:
        self.rewards[seat] = reward
        self.infos[seat]["reward_parts"] = {"payoff": reward}

    def _end(self, truncated: bool) -> None:
        won = self._player is not None and self._player.ending == "won"
        later = won and self._attempt > 1
        game = self._desk.game
        self.infos[WRITER]["metrics"] = {"proven": float(game is not None), "won_later": float(later)}
        self.infos[WRITER]["hidden"] = {
            "game": game.model_dump_json(exclude_defaults=True) if game else "",
            "reasons": list(self._desk.reasons),
        }
        if self._player is not None:
            self.infos[SOLVER]["metrics"] = {
                "won": float(won),
                "score": self._best,
                "attempts": float(self._attempt),
            }
        self._finish(WRITER, truncated=truncated)

    def _course(self) -> str:
        player = self._game
        how = "has won" if player.ending == "won" else "has not won"
        return f"The solver {how}, attempt {self._attempt} of {self.attempts}."
