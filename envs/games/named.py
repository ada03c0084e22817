"""OpenSpiel games by their names, whatever the number of players; a game of one player is a Gymnasium environment."""

from __future__ import annotations

from typing import Unpack

import gymnasium

from sparring import registry
from sparring.envs.games.open_spiel import OpenSpielGame, SpielOptions
from sparring.envs.games.situations import GameSituation
from sparring.envs.games.two_player import CHARSET, TextGame

ONLY = "player_0"
WIDE_CHARSET = CHARSET | frozenset(map(chr, [*range(0xA1, 0x250), *range(0x2190, 0x2200), *range(0x2500, 0x2700)]))


class NamedOpenSpielGame(OpenSpielGame):
    """Any OpenSpiel game by its name, in OpenSpiel's own notation."""

    def __init__(self, game: str, **options: Unpack[SpielOptions]) -> None:
        wide: SpielOptions = {"max_text_length": 50_000, "charset": WIDE_CHARSET}
        super().__init__(game, **(wide | options))
        self.metadata = {**self.metadata, "name": f"openspiel:{game}"}


@registry.envs.register(
    "sparring/OpenSpiel-v0", family="games", seats=2, skills=("planning",), kwargs={"game": "nim"}, version="2"
)
class AnyOpenSpielGame(NamedOpenSpielGame):
    """Any OpenSpiel game of two players by its name; a game of another number is openspiel:NAME."""

    metadata = {**TextGame.metadata, "name": "sparring/OpenSpiel-v0"}

    def __init__(self, game: str, **options: Unpack[SpielOptions]) -> None:
        super().__init__(game, **options)
        self.metadata = type(self).metadata
        if len(self.possible_agents) != 2:
            count = len(self.possible_agents)
            raise ValueError(f"game must have two players here, {game} has {count}: write openspiel:{game}")


class OnePlayerGame(gymnasium.Env[object, object]):
    """An OpenSpiel game of one player: text to see, text to answer. Illegal actions: see `TextGame`."""

    def __init__(self, game: NamedOpenSpielGame) -> None:
        if game.possible_agents != [ONLY]:
            raise ValueError(f"game must have one player, got {len(game.possible_agents)}")
        self.game = game
        self.metadata, self.render_mode = game.metadata, game.render_mode
        self.observation_space, self.action_space = game.observation_space(ONLY), game.action_space(ONLY)

    @property
    def instructions(self) -> str:
        """The rules: with `instructions=False` the text leaves them out."""
        return self.game.instructions(ONLY)

    def reset(
        self, *, seed: int | None = None, options: dict[str, object] | None = None
    ) -> tuple[object, dict[str, object]]:
        """Start a game. `options`: see `TextGame.reset`."""
        super().reset(seed=seed)
        self.game.reset(seed, options)
        return self.game.observe(ONLY), self.game.infos[ONLY]

    def step(self, action: object) -> tuple[object, float, bool, bool, dict[str, object]]:
        """Play an action. After the end it pays 0."""
        game = self.game
        if any(game.terminations.values()) or any(game.truncations.values()):
            return game.observe(ONLY), 0.0, game.terminations[ONLY], game.truncations[ONLY], {}
        game.step(action if isinstance(action, str) else str(action))
        info = game.infos[ONLY]
        return game.observe(ONLY), game.rewards[ONLY], game.terminations[ONLY], game.truncations[ONLY], info

    def state(self) -> list[int]:
        """OpenSpiel's history of the game in play, from which `reset(options={"state": ...})` starts."""
        return self.game.state()

    @property
    def why_not_exact(self) -> str:
        """See `OpenSpielGame`."""
        return self.game.why_not_exact

    def agent_situation(self, seat: str) -> GameSituation:
        """What the player sees now, as programs want it."""
        return self.game.agent_situation(seat)

    def render(self) -> str | None:
        """What the player sees, with render_mode="ansi"."""
        return self.game.render()

    def close(self) -> None:
        """Nothing is held open."""


def open_spiel(game: str, **options: Unpack[SpielOptions]) -> NamedOpenSpielGame | OnePlayerGame:
    """Any OpenSpiel game. Raises UnknownName, and ValueError as `load_game` does."""
    env = NamedOpenSpielGame(game, **options)
    return OnePlayerGame(env) if env.possible_agents == [ONLY] else env
