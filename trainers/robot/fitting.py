"""Behaviour cloning: a small network gives the expert's action in the states of the demonstrations."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from sparring.envs.robot.executors.network import Network
from sparring.envs.robot.types import Array

HIDDEN, BATCH, RATE = 192, 512, 2e-3
Progress = Callable[[], None]


def fit(inputs_NF: Array, targets_NA: Array, iterations: int, seed: int, progress: Progress = lambda: None) -> Network:
    """A network of two hidden layers. Loss: Huber's, so that a state where the expert turns sharply weighs less."""
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(inputs_NF), torch.from_numpy(targets_NA)
    sizes = (inputs.shape[1], HIDDEN, HIDDEN, targets.shape[1])
    weights = [initial(ins, outs, generator) for ins, outs in pairwise(sizes)]
    parameters = [tensor for layer in weights for tensor in layer]
    optimizer = torch.optim.Adam(parameters, lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, iterations)
    for _ in range(iterations):
        chosen = torch.randint(len(inputs), (BATCH,), generator=generator)
        loss = torch.nn.functional.smooth_l1_loss(outputs(inputs[chosen], weights), targets[chosen], beta=0.2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress()
    return Network([numbers(layer) for layer in weights])


def initial(ins: int, outs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """He's initialisation, from a generator of its own."""
    weight = torch.randn(ins, outs, generator=generator) * (2 / ins) ** 0.5
    return weight.requires_grad_(), torch.zeros(outs, requires_grad=True)


def outputs(inputs: Tensor, weights: list[tuple[Tensor, Tensor]]) -> Tensor:
    """What a network gives: [.., in] to [.., out]."""
    for weight, bias in weights[:-1]:
        inputs = torch.relu(inputs @ weight + bias)
    weight, bias = weights[-1]
    return inputs @ weight + bias


def numbers(layer: tuple[Tensor, Tensor]) -> tuple[Array, Array]:
    """The weights and biases of a layer as NumPy's."""
    weight, bias = (tensor.detach().numpy().astype(np.float32) for tensor in layer)
    return weight, bias
