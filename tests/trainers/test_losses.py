import pytest
import torch

from sparring.trainers import losses

torch.set_num_threads(1)


def test_the_clip_stops_the_gradient_of_gains_above_and_pains_below():
    old = torch.zeros(4)
    logp = torch.tensor([0.5, -0.5, 0.5, -0.5], requires_grad=True)
    positive_advantage = torch.tensor([1.0, 1.0, 0.0, 0.0])
    negative_advantage = torch.tensor([0.0, 0.0, -1.0, -1.0])
    losses.policy_gradient(logp, old, positive_advantage, negative_advantage).sum().backward()
    ratio = torch.exp(logp.detach())
    torch.testing.assert_close(logp.grad, torch.tensor([0.0, -ratio[1], ratio[2], 0.0]))


def test_gain_and_pain_of_one_token_are_the_sum_of_separate_tokens():
    logp, old = torch.tensor([0.1]), torch.tensor([-0.3])
    merged = losses.policy_gradient(logp, old, torch.tensor([3.0]), torch.tensor([-2.0]))
    parts = losses.policy_gradient(
        logp.expand(3), old.expand(3), torch.tensor([1.0, 2.0, 0.0]), torch.tensor([0.0, 0.0, -2.0])
    )
    torch.testing.assert_close(merged.sum(), parts.sum())


def test_the_importance_weight_is_capped_and_carries_no_gradient():
    old = torch.tensor([0.0, 0.0], requires_grad=True)
    weight = losses.importance_weight(old, torch.tensor([-3.0, 0.5]), cap=2.0)
    torch.testing.assert_close(weight, torch.tensor([2.0, float(torch.exp(torch.tensor(-0.5)))]))
    assert not weight.requires_grad


def test_a_cap_below_one_is_refused():
    with pytest.raises(ValueError, match="cap must be >= 1"):
        losses.importance_weight(torch.zeros(1), torch.zeros(1), cap=0.5)


def _expected_gradient(estimator):
    """The gradient of a KL estimator, in expectation over the policy's own samples, on a softmax of three tokens."""
    logits = torch.tensor([0.3, -0.2, 0.8], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.1, 0.5, -0.4], dtype=torch.float64).log_softmax(0)
    logp = logits.log_softmax(0)
    (estimator(logp, reference) * logp.detach().exp()).sum().backward()
    return logits.grad, reference


def test_the_gradient_of_k2_is_that_of_the_reverse_kl_and_k3s_is_not():
    logits = torch.tensor([0.3, -0.2, 0.8], dtype=torch.float64, requires_grad=True)
    k2, reference = _expected_gradient(losses.kl_k2)
    logp = logits.log_softmax(0)
    (logp.exp() * (logp - reference)).sum().backward()
    torch.testing.assert_close(k2, logits.grad)
    k3, _ = _expected_gradient(losses.kl_k3)
    assert (k3 - logits.grad).abs().max() > 1e-2


def test_k3_is_an_unbiased_estimate_of_the_kl_and_never_negative():
    logp = torch.tensor([0.3, -0.2, 0.8]).log_softmax(0)
    reference = torch.tensor([0.1, 0.5, -0.4]).log_softmax(0)
    k3 = losses.kl_k3(logp, reference)
    torch.testing.assert_close((logp.exp() * k3).sum(), (logp.exp() * (logp - reference)).sum())
    assert (k3 >= 0).all()


def test_k3_of_a_large_difference_is_finite_and_so_is_its_gradient():
    logp = torch.tensor([-1000.0, -90.0, -19.0], requires_grad=True)
    k3 = losses.kl_k3(logp, torch.zeros(3))
    k3.sum().backward()
    assert torch.isfinite(k3).all()
    assert torch.isfinite(logp.grad).all()
    assert (logp.grad < 0).all(), "the policy is still pulled to the reference"
    torch.testing.assert_close(k3[2], torch.exp(torch.tensor(19.0)) - 20.0)


def test_kl_to_a_uniform_prior_is_zero_for_the_uniform_distribution_and_log_n_for_a_certain_one():
    padded = torch.tensor([[0.5, 0.5, 0.0], [1.0, 1e-30, 0.0], [0.2, 0.3, 0.5]]).log()
    prior = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]).log()
    entropy = torch.tensor([0.6931472, 0.0, -(0.2 * -1.6094379 + 0.3 * -1.2039728 + 0.5 * -0.6931472)])
    torch.testing.assert_close(losses.entropy(padded), entropy)
    torch.testing.assert_close(losses.kl_to_prior(padded, prior), torch.tensor([2.0, 2.0, 3.0]).log() - entropy)


def test_the_slope_of_pairs_is_the_derivative_of_dpos_loss():
    margins = torch.tensor([-3.0, 0.0, 0.4, 50.0], requires_grad=True)
    loss = -torch.nn.functional.logsigmoid(0.3 * margins).mean()
    loss.backward()
    nobody = torch.full((4,), torch.nan)
    torch.testing.assert_close(losses.pair_slope(margins.detach(), 0.3, nobody), -margins.grad)
    torch.testing.assert_close(losses.pair_losses(margins.detach(), 0.3, nobody).mean(), loss.detach())


def test_the_slope_of_pairs_with_gaps_is_the_derivative_of_the_squared_difference():
    margins = torch.tensor([-3.0, 0.0, 0.4, 50.0], requires_grad=True)
    gaps = torch.tensor([0.5, 0.0, -2.0, 7.0])
    loss = (0.3 * margins - gaps).square().mean()
    loss.backward()
    torch.testing.assert_close(losses.pair_slope(margins.detach(), 0.3, gaps), -margins.grad)
    torch.testing.assert_close(losses.pair_losses(margins.detach(), 0.3, gaps).mean(), loss.detach())


@pytest.mark.parametrize("beta", [0.25, 1.0, 4.0])
def test_the_rlhf_form_of_sharpening_ends_at_the_base_to_the_power_of_one_plus_one_over_beta(beta):
    base = torch.tensor([0.5, 0.3, 0.15, 0.05], dtype=torch.float64).log()
    logits = base.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-14, tolerance_change=1e-16)
    first, second = torch.triu_indices(4, 4, 1)

    def loss():
        optimizer.zero_grad()
        ratio = logits.log_softmax(0) - base
        value = losses.pair_losses(ratio[first] - ratio[second], beta, base[first] - base[second]).mean()
        value.backward()
        return value

    optimizer.step(loss)
    expected = (base * (1.0 + 1.0 / beta)).softmax(0)
    torch.testing.assert_close(logits.detach().softmax(0), expected, atol=1e-5, rtol=1e-4)
