"""Token losses that papers define. Tensors in, tensors out, nothing is summed over tokens here.

M target tokens, A choices of a token. Log-probabilities are nats.
"""

from __future__ import annotations

import torch
from torch import Tensor

STEEPEST = 20.0
"""Nats; `kl_k3` is linear beyond."""


def policy_gradient(
    logp_M: Tensor,
    old_logp_M: Tensor,
    positive_advantage_M: Tensor,
    negative_advantage_M: Tensor,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
) -> Tensor:
    """The clipped surrogate of PPO (arXiv 1707.06347, equation 7) per token, negated: a loss [M].

    With r = exp(logp - old): -(A min(r, 1 + high)) for A > 0 and -(A max(r, 1 - low)) for A < 0. Equal tokens with
    different advantages can be one token: `positive_advantage_M` >= 0 is the sum of the positive ones,
    `negative_advantage_M` <= 0 of the negative ones. At r = 1 the gradient is REINFORCE's.
    """
    ratio_M = torch.exp(logp_M - old_logp_M)
    return -(
        positive_advantage_M * ratio_M.clamp(max=1.0 + clip_high)
        + negative_advantage_M * ratio_M.clamp(min=1.0 - clip_low)
    )


def importance_weight(old_logp_M: Tensor, sampling_logp_M: Tensor, cap: float = 2.0) -> Tensor:
    """Truncated importance weight min(pi_old / pi_sampler, cap) [M], without gradient (arXiv 1802.01561, section 4.1).

    `old_logp_M` is the learner's before this update, `sampling_logp_M` what the sampler recorded: the two differ even
    for equal weights, by precision and kernels.
    """
    if cap < 1.0:
        raise ValueError(f"cap must be >= 1, got {cap}")
    return torch.exp(old_logp_M - sampling_logp_M).clamp(max=cap).detach()


def kl_k2(logp_M: Tensor, reference_logp_M: Tensor) -> Tensor:
    """Half the squared log-ratio [M]: on the policy's own samples its gradient is unbiased for KL(policy || reference).

    (http://joschu.net/blog/kl-approx.html names it k2; KDRL, arXiv 2506.02208, uses its gradient.)
    """
    return 0.5 * (logp_M - reference_logp_M).square()


def kl_k3(logp_M: Tensor, reference_logp_M: Tensor) -> Tensor:
    """exp(d) - 1 - d with d = reference - logp [M]: GRPO's penalty (arXiv 2402.03300, equation 4). Never negative.

    Beyond d = 20 nats exp(d) goes on as its tangent, where the paper's overflows to infinity (from 88 on).
    """
    difference_M = reference_logp_M - logp_M
    curved_M = difference_M.clamp(max=STEEPEST)
    return torch.exp(curved_M) * (1.0 + difference_M - curved_M) - 1.0 - difference_M


def kl_to_prior(logp_MA: Tensor, prior_MA: Tensor) -> Tensor:
    """KL(policy || prior) [M] over each token's choices; padding is -inf in both. The magnet of arXiv 2206.05825.

    Along the tokens of an action these sum, in the mean, to the divergence between distributions over actions (chain
    rule); with a prior that gives each token the share of the actions that begin with it, this is the one to uniform.
    """
    valid_MA = torch.isfinite(prior_MA)
    finite_MA = logp_MA.masked_fill(~valid_MA, 0.0)
    return (finite_MA.exp() * (finite_MA - prior_MA.masked_fill(~valid_MA, 0.0)) * valid_MA).sum(-1)


def entropy(logp_MA: Tensor) -> Tensor:
    """Of each token's choice [M], nats; padding is -inf."""
    valid_MA = torch.isfinite(logp_MA)
    finite_MA = logp_MA.masked_fill(~valid_MA, 0.0)
    return -(finite_MA.exp() * finite_MA * valid_MA).sum(-1)


def pair_losses(margins_P: Tensor, beta: float, gaps_P: Tensor) -> Tensor:
    """The loss of each pair [P]. Where its gap is nan: DPO (arXiv 2305.18290, equation 7), -log sigmoid(beta margin).

    Else (beta margin - gap)^2, which is 0 for every pair where the policy is the reference times exp(reward / beta),
    gaps being differences of rewards: the optimum of RL with the KL penalty beta (regression on pairs, as the RLHF form
    of sharpening is fitted, arXiv 2412.01951).
    """
    preference_P = -torch.nn.functional.logsigmoid(beta * margins_P)
    return torch.where(gaps_P.isnan(), preference_P, (beta * margins_P - gaps_P.nan_to_num()).square())


def pair_slope(margins_P: Tensor, beta: float, gaps_P: Tensor) -> Tensor:
    """-d(loss)/d(margin) [P] of the mean of `pair_losses`.

    The loss depends on the tokens by their sum alone, so each token of the chosen sample has this slope, and each of
    the rejected one its negative.
    """
    preference_P = beta * torch.sigmoid(-beta * margins_P)
    regression_P = -2.0 * beta * (beta * margins_P - gaps_P.nan_to_num())
    return torch.where(gaps_P.isnan(), preference_P, regression_P) / max(1, len(margins_P))
