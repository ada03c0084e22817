r"""AgentEvol: explore, and learn from what was rewarded, anew in every round (AgentGym, arXiv 2406.04151, section 4).

What the paper does: behavioural cloning on a base set D_s gives the first agent. Then, for m = 1 to M, the agent
explores a wider set of instructions, K attempts each, D_m; it is joined with D_s; and the next agent is

    \theta_{m+1} = argmax E_{\tau in D_m + D_s}[ r(\tau) log \pi_\theta(\tau) ],

each time from the same initial model. It is RL as inference: p(optimal | tau) proportional to exp(r / alpha), a lower
bound, and turns of exploring (E) and learning (M). With rewards of 0 and 1 it is exactly fine-tuning on successes.

What we do otherwise, and why:
1. Attempts that did the same at the same task count once, against earlier rounds too: the released code keeps the first
   success of a task, so more attempts at it are lost.
2. Attempts are drawn from the policy, at --temperature; the released script explores greedily, and repeats itself.
3. Only the tokens of the agent are learnt; the released trainer also learns a canned reply.
"""

from __future__ import annotations

from sparring import registry
from sparring.trainers.evolving.evolving import Evolving, Stage
from sparring.trainers.evolving.rows import Row, distinct, solved, with_weights
from sparring.trainers.methods.agent_evol_config import Config

__all__ = ["AgentEvol", "Config"]


@registry.trainers.register(
    "agent-evol",
    family="self-evolution",
    extra="train",
    config="sparring.trainers.methods.agent_evol_config:Config",
)
class AgentEvol(Evolving[Config]):
    """Rounds of exploring and of learning from what was rewarded (AgentGym's AgentEvol)."""

    name = "agent-evol"
    config_type = Config

    def select(self, stage: Stage) -> list[Row]:
        """The attempts of this round, or of all so far, by their rewards."""
        rounds = range(0 if self.config.accumulate else stage.round, stage.round + 1)
        attempts = distinct(row for number in rounds for row in self.attempts(number))
        if self.config.weighting == "filter":
            return solved(attempts, self.config.solved)
        return with_weights(attempts, lambda row: max(0.0, row.trajectory.reward))
