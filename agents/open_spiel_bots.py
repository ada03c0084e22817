"""OpenSpiel's own bots as players, in every game of ours that rests on OpenSpiel."""

from __future__ import annotations

from typing import Any

from sparring import registry
from sparring.agents.scripted import ScriptedAgent
from sparring.agents.situations import situation_of
from sparring.agents.tree_search import require_search
from sparring.types import Observation, Reply

MCTS = "mcts"
UNIFORM = "uniform_random"
PREFERENCE = "fixed_action_preference"
BLIND = frozenset((UNIFORM, PREFERENCE))
"""Bots that look at the legal actions alone, so that they may play where something is hidden."""
MEMORY_MB = 1_000
"""What a tree may take."""


@registry.agents.register("openspiel", family="search")
class OpenSpielBot(ScriptedAgent):
    """A bot of OpenSpiel: `openspiel:mcts:simulations=200`, `openspiel:uniform_random`, ..."""

    def __init__(self, argument: str, *, simulations: int = 200, c: float = 1.4, rollouts: int = 1) -> None:
        """argument: mcts, uniform_random, fixed_action_preference, or another one of OpenSpiel that needs no settings.
        simulations, c, rollouts: of mcts; `c` multiplies the game's own returns, which OpenSpiel does not scale.
        """
        import pyspiel

        known = {MCTS, *BLIND, *pyspiel.registered_bots()}
        if argument not in known:
            raise registry.UnknownName(registry.unknown("bot of OpenSpiel", argument, known))
        require_search(simulations, c, rollouts)
        super().__init__(f"openspiel:{argument}")
        self._bot, self._settings = argument, (simulations, c, rollouts)

    async def act(self, observation: Observation) -> Reply:
        """The bot's action, with the turn's seed."""
        situation = situation_of(observation, self.seat)
        state = situation.whole_state() if self._bot in BLIND else situation.state()
        seed = self.seat.turn_seed(observation.turn) % 2**31
        return Reply(situation.action_text(int(self._made(state, seed).step(state))))

    def _made(self, state: Any, seed: int) -> Any:
        """A bot for the seat that is to move; it knows nothing of earlier turns. Raises ValueError."""
        import pyspiel

        game, player = state.get_game(), state.current_player()
        if self._bot == MCTS:
            simulations, c, rollouts = self._settings
            evaluator = pyspiel.RandomRolloutEvaluator(rollouts, seed)
            return pyspiel.MCTSBot(game, evaluator, c, simulations, MEMORY_MB, True, seed, False)
        if self._bot == UNIFORM:
            return pyspiel.make_uniform_random_bot(player, seed)
        try:
            return pyspiel.load_bot(self._bot, game, player)
        except pyspiel.SpielError as error:
            first = str(error).partition("\n")[0]
            raise ValueError(f"{self._bot} of OpenSpiel needs settings that cannot be given here: {first}") from error
