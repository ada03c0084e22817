"""One seat of a game of several seats as a Gymnasium environment; agents play the other seats.

gymnasium.make("sparring.envs:sparring/KuhnPoker-v0", opponent="constant:bet", seat="random", view="discrete")
"""

from __future__ import annotations

import itertools
from typing import Self

import gymnasium
import numpy as np
from numpy.typing import NDArray

from sparring import envs, registry
from sparring.envs.copies import twin
from sparring.envs.games.two_player import whole_seed
from sparring.protocols import Agent, Seat
from sparring.rollout.actions import Offered, Unreadable
from sparring.rollout.infos import observation_of
from sparring.rollout.match import require_agents
from sparring.rollout.questions import Asking, Question, answered
from sparring.rollout.situations import Situations
from sparring.types import derive_seed

RANDOM = "random"
Info = dict[str, object]
Begun = tuple[object, Info]
"""What `reset` returns."""
Stepped = tuple[object, float, bool, bool, Info]
"""What `step` returns."""
_episodes = itertools.count()


class SingleSeat(gymnasium.Env[object, object]):
    """A game seen from one seat.

    opponent: an agent, or its spec, e.g. "random" or "constant:bet"; it plays all the other seats, in the text view.
    seat: the seat that is ours, the first one where it is left out; "random" draws it anew every episode, from the
        episode's seed.
    view: "text" or "discrete".
    kwargs: the environment's own.
    An episode that the opponent ends before our first turn shows its end at `reset`; the first `step` ends it. An
    opponent's answer that the action space cannot read ends it too, truncated.
    """

    metadata: dict[str, object] = {"render_modes": ["ansi"], "render_fps": 1}

    def __init__(
        self,
        env_id: str,
        opponent: str | Agent = RANDOM,
        seat: str | None = None,
        view: envs.View = "text",
        render_mode: str | None = None,
        **kwargs: object,
    ) -> None:
        mode = {} if render_mode is None else {"render_mode": render_mode}
        self._env = envs.make(env_id, view=view, **mode, **kwargs)
        if not hasattr(self._env, "agent_iter"):
            raise ValueError(
                f"{env_id} is no game in which one seat moves after another, so it has no single-seat view"
            )
        seats = list(self._env.possible_agents)
        if seat not in (None, RANDOM, *seats):
            raise ValueError(f"seat must be {', '.join(map(repr, seats))} or 'random', got {seat!r}")
        self._kwargs = kwargs
        self._game = self._env.game if view == "discrete" else self._env
        self.set_opponent(opponent)
        self._is_paid: bool | None = None
        """Whether the end was paid; None before the first `reset`."""
        self._env_id, self._asked_seat, self.render_mode = env_id, seat or seats[0], render_mode
        self._seat = seats[0] if self._asked_seat == RANDOM else self._asked_seat
        self._offered = {other: Offered(self._game.action_space(other)) for other in seats}
        self.observation_space = self._env.observation_space(self._seat)
        self.action_space = self._env.action_space(self._seat)

    @property
    def seat(self) -> str:
        """The seat that is ours in this episode."""
        return self._seat

    def set_opponent(self, opponent: str | Agent) -> None:
        """Who plays the other seats from the next `reset` on: an agent, or its spec; the game in play goes on as it is.

        Raises UnknownName, ValueError for a spec that names none, TypeError for what is no agent.
        """
        agent = registry.make_agent(opponent) if isinstance(opponent, str) else opponent
        require_agents({"opponent": agent})
        self._opponent: Agent = agent

    def reset(self, *, seed: int | None = None, options: dict[str, object] | None = None) -> Begun:
        """Start an episode and play the opponent until it is our turn. TypeError for a seed that is no whole number."""
        return answered([self.resetting(seed, options)])[0]

    def step(self, action: object) -> Stepped:
        """Play our action, then the opponent until it is our turn again or the game is over. Afterwards it pays 0."""
        return answered([self.stepping(action)])[0]

    def resetting(self, seed: int | None, options: dict[str, object] | None) -> Asking[Begun]:
        """As `reset`, for whoever asks the opponents of many games at once (`sparring.rollout.questions`)."""
        seed = None if seed is None else whole_seed(seed)
        super().reset(seed=seed)
        self._seed = int(self.np_random.integers(2**63)) if seed is None else seed
        if self._asked_seat == RANDOM:
            self._seat = self._drawn_seat()
        self._env.reset(seed=self._seed, options=options)
        self._turns = dict.fromkeys(self._env.possible_agents, 0)
        self._players = {other: self._opponent.open(self._place(other)) for other in self._turns if other != self._seat}
        self._is_paid = self._is_broken_off = False
        yield from self._play_opponent()
        return self._observation(), {**self._info(), "illegal": False}

    def stepping(self, action: object) -> Asking[Stepped]:
        """As `step`, for whoever asks the opponents of many games at once. RuntimeError before `reset`."""
        self._require_begun()
        if self._is_paid:
            return self._observation(), 0.0, *self._end(), {**self._info(), "illegal": False}
        reward, illegal = 0.0, False
        if self._is_over():
            reward = float(self._game.rewards[self._seat])
        else:
            forbidden = self._env is self._game and self._forbids(action)  # the games of a discrete view say it
            self._env.step(action)
            reward += float(self._game.rewards[self._seat])
            illegal = self._game.infos[self._seat].get("illegal", forbidden)
            reward += yield from self._play_opponent()
        self._is_paid = self._is_over()
        return self._observation(), reward, *self._end(), {**self._info(), "illegal": illegal}

    def render(self) -> str | None:
        """What our seat sees as text, with render_mode="ansi". RuntimeError before `reset`."""
        self._require_begun()
        return str(self._game.observe(self.seat)) if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Close the game."""
        self._env.close()

    def action_masks(self) -> NDArray[np.bool_]:
        """The legal actions as booleans: the name that masking RL libraries look for (sb3-contrib).

        All are True where the game is over: whoever is asked then must not find nothing to choose.
        """
        self._require_begun()
        seen = self._observation()
        mask = seen.get("action_mask") if isinstance(seen, dict) else None
        if mask is None:
            return np.ones(int(getattr(self.action_space, "n", 1)), bool)
        return np.asarray(mask).astype(bool)

    def _require_begun(self) -> None:
        """Raises RuntimeError before `reset`."""
        if self._is_paid is None:
            raise RuntimeError(f"{self._env_id} has not begun: call reset first")

    def _forbids(self, action: object) -> bool:
        """Whether the mask does not allow an action: what an environment that has no word for it is recorded with."""
        if not isinstance(action, int | np.integer):
            return False
        masks, index = self.action_masks(), int(action) - int(getattr(self.action_space, "start", 0))
        return 0 <= index < len(masks) and not bool(masks[index])

    def _drawn_seat(self) -> str:
        seats = self._env.possible_agents
        drawn = derive_seed(self._seed, "seat") % len(seats)
        return str(seats[(len(seats) - drawn) % len(seats)] if len(seats) > 2 else seats[1 - drawn])

    def _place(self, seat: str) -> Seat:
        return Seat(self._env_id, seat, f"single-seat-{next(_episodes)}", self._seed, env_kwargs=self._kwargs)

    def _is_over(self) -> bool:
        game, seat = self._game, self._seat
        return bool(self._is_broken_off or seat not in game.agents or game.terminations[seat] or game.truncations[seat])

    def _end(self) -> tuple[bool, bool]:
        """Whether our seat's game has ended by its rules, and by a budget."""
        terminated = bool(self._game.terminations.get(self._seat, True)) and not self._is_broken_off
        return terminated, bool(self._is_broken_off or self._game.truncations.get(self._seat, False))

    def _play_opponent(self) -> Asking[float]:
        """Let the others act until it is our turn; what our seat was paid meanwhile."""
        game, paid = self._game, 0.0
        while not self._is_over() and game.agent_selection != self._seat:
            seat = game.agent_selection
            if game.terminations[seat] or game.truncations[seat]:
                game.step(None)
                continue
            try:
                reply = yield self._question(seat)
                game.step(self._offered[seat].read(reply.action))
            except Unreadable:
                self._is_broken_off = True
                break
            paid += float(game.rewards[self._seat])
        return paid

    def _question(self, seat: str) -> Question:
        turn = self._turns[seat]
        self._turns[seat] += 1
        seen = self._game.observe(seat)
        info = self._offered[seat].beside(seen, self._game.infos[seat])
        situation = Situations(self._game, self._game.action_space(seat)).of(seat, seen, info)
        return self._players[seat], observation_of(seen, info, turn, situation)

    def _observation(self) -> object:
        seen = self._env.observe(self._seat)
        return self._with_choice(seen) if isinstance(seen, dict) else seen

    def _info(self) -> Info:
        """A copy that is the caller's: arrays and dicts included."""
        info = self._game.infos[self._seat] if self._env is self._game else self._env.info(self._seat)
        return self._with_choice(
            {name: value.copy() if hasattr(value, "copy") else value for name, value in info.items()}
        )

    def _with_choice(self, said: Info) -> Info:
        """With a mask of ones at the end: autoreset asks a policy for an action there, which then needs a choice."""
        mask = said.get("action_mask")
        if not self._is_over() or not isinstance(mask, np.ndarray) or mask.any():
            return said
        return {**said, "action_mask": np.ones_like(mask)}

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """A game of its own with the same opponent."""
        for shared in (self._opponent, *self._offered.values()):
            memo[id(shared)] = shared
        return twin(self, memo)
