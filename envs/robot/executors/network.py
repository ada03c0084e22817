"""A small network that NumPy runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sparring.envs.robot.types import Array


class Network:
    """A multilayer perceptron with ReLU; weights [in, out] and biases [out] of every layer."""

    def __init__(self, layers: Sequence[tuple[Array, Array]]) -> None:
        """Raises ValueError where a layer does not fit the one before, or is not finite."""
        for at, (weight, bias) in enumerate(layers):
            if weight.ndim != 2 or bias.shape != weight.shape[1:]:
                raise ValueError(f"layer {at} must have weights [in, out] and biases [out], got {weight.shape}")
            if at and weight.shape[0] != layers[at - 1][0].shape[1]:
                raise ValueError(f"layer {at} must take {layers[at - 1][0].shape[1]} numbers, takes {weight.shape[0]}")
            if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
                raise ValueError(f"layer {at} must hold finite numbers only")
        self.layers = layers

    def __call__(self, inputs: Array) -> Array:
        """[.., in] to [.., out]."""
        for weight, bias in self.layers[:-1]:
            inputs = np.maximum(inputs @ weight + bias, 0)
        weight, bias = self.layers[-1]
        outputs: Array = inputs @ weight + bias
        return outputs

    @property
    def ends(self) -> tuple[int, int]:
        """How many numbers it takes, and gives."""
        return self.layers[0][0].shape[0], self.layers[-1][0].shape[1]
