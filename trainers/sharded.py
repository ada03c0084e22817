"""The learner in several processes (`torchrun`): weights, gradients and optimizer are shared out (FSDP2).

Every process computes its share of an update's passes. For each layer the weights are gathered when they are needed,
and the gradients are summed over the processes, each of which keeps its part: the loss is the sum over all passes, as
in one process, so the gradient is the same (arXiv 2304.11277 describes the method; torch's `fully_shard` is its second
version).

Process 0 leads: it holds the model that plays, whole, and runs everything that a run in one process does. The others
only learn. So there is one run folder and one writer, an update plays the same games with any number of processes, and
a checkpoint has the same form: weights and optimizer state are gathered for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers.modeling_layers import GradientCheckpointingLayer

from sparring.trainers import processes
from sparring.trainers.batch import Batch
from sparring.trainers.learner import Learner, LearnerConfig, StepWeights, add_measured
from sparring.trainers.state import State
from sparring.trainers.targets import Pass, passes_of

if TYPE_CHECKING:
    from sparring.agents.models.trainable import TrainableModel

T = TypeVar("T")


class _Whole(nn.Module):
    """Whatever is computed with a model: embedding and head are gathered for all of it, each layer for itself."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, compute: Callable[[], T]) -> T:
        """What `compute` returns."""
        return compute()


def share_out(module: nn.Module, device_type: str) -> _Whole:
    """Leave each process its part of a model's parameters, in place."""
    mesh = init_device_mesh(device_type, (dist.get_world_size(),))
    whole = _Whole(module)
    layers = [layer for layer in module.modules() if isinstance(layer, GradientCheckpointingLayer)]
    for part in (*layers, whole):
        sharded: FSDPModule = fully_shard(part, mesh=mesh)
        sharded.set_gradient_divide_factor(1.0)  # sums, where its default is the mean
        sharded.set_force_sum_reduction_for_comms(True)  # gloo has no other way to divide by 1
    return whole


@dataclass(frozen=True, slots=True)
class Shared(Pass):
    """A pass of this process; one that does not count only keeps step with the processes that have one more."""

    counts: bool = True


class ShardedLearner(Learner):
    """A learner whose methods all processes call together, with the same arguments.

    Its model is given up to it. `playing`: the model that gets the new weights, whole, in process 0; None elsewhere.
    """

    def __init__(self, model: TrainableModel, config: LearnerConfig, playing: TrainableModel | None) -> None:
        if config.optimizer != "adamw":
            raise ValueError(f"optimizer must be adamw in several processes, got {config.optimizer!r}")
        self.playing = playing
        self._whole = share_out(model.module, model.device.type)
        super().__init__(model, config)
        self._take_weights(all_of_them=True)

    def _passes(self, batch: Batch) -> list[Pass]:
        processes_, rank = dist.get_world_size(), dist.get_rank()
        passes = passes_of(batch, self.pack_nodes, self.model.device)
        if len(passes) < processes_:
            nodes = sum(len(one.packed.token_ids) for one in passes)
            passes = passes_of(batch, math.ceil(nodes / processes_), self.model.device)
        own = [Shared(one.packed, one.targets) for one in passes[rank::processes_]]
        missing = math.ceil(len(passes) / processes_) - len(own)
        return [*own, *(Shared(passes[0].packed, passes[0].targets, counts=False) for _ in range(missing))]

    def _forward(self, one: Pass, step: StepWeights) -> tuple[Tensor, dict[str, float]]:
        loss, measured = self._whole(partial(super()._forward, one, step))
        return (loss, measured) if _counts(one) else (0.0 * loss, {})

    def _add_margins(self, one: Pass, temperature: float, margins_P: Tensor) -> None:
        kept_P = margins_P if _counts(one) else margins_P.clone()
        self._whole(partial(super()._add_margins, one, temperature, kept_P))

    def _with_margins(self, step: StepWeights, passes: list[Pass]) -> StepWeights:
        step = super()._with_margins(step, passes)
        if step.margins_P is not None:
            dist.all_reduce(step.margins_P)
        return step

    def _over_processes(self, totals: dict[str, float]) -> dict[str, float]:
        summed: dict[str, float] = {}
        for measured in processes.gather(totals):
            add_measured(summed, measured)
        return summed

    def _clipped_norm(self) -> float:
        norm = torch.nn.utils.clip_grad_norm_(self.trained, self.config.max_grad_norm)
        return float(cast("DTensor", norm).full_tensor())

    def _announce(self) -> None:
        self._hand_over_weights()
        for model in (self.model, self.playing):
            if model is not None:
                model.sync(None, f"update-{self.updates}")

    @torch.no_grad()
    def _hand_over_weights(self) -> None:
        """Gather what was trained, tensor by tensor, into the model that plays."""
        for own, part in self._pairs(all_of_them=False):
            whole = part.full_tensor()
            if own is not None:
                own.copy_(whole)

    @torch.no_grad()
    def _take_weights(self, all_of_them: bool) -> None:
        """Share out the weights of the model that plays."""
        for own, part in self._pairs(all_of_them):
            part.copy_(_distributed(own, part))

    def _pairs(self, all_of_them: bool) -> Iterator[tuple[Tensor | None, DTensor]]:
        """The parameters of the model that plays, where it is, and those that are shared out."""
        playing = dict(self.playing.module.named_parameters()) if self.playing is not None else {}
        for name, part in self.model.module.named_parameters():
            if all_of_them or part.requires_grad:
                yield playing.get(name), cast("DTensor", part)

    def forget(self) -> None:
        """Take the playing model's weights, and drop what the optimizer remembers."""
        self._take_weights(all_of_them=False)
        super().forget()

    def state_dict(self) -> State:
        """As that of a learner in one process; the leader's is whole, the other ones are empty."""
        state = super().state_dict()
        leads = self.playing is not None
        moments = {
            index: {name: _gathered(value, leads) for name, value in kept.items()}
            for index, kept in state["optimizer"]["state"].items()
        }
        return {**state, "optimizer": {**state["optimizer"], "state": moments}} if leads else {}

    def load_state_dict(self, state: State) -> None:
        """Take back what `state_dict` gave, with any number of processes, and the playing model's weights.

        Moments may be None where this process does not have them: they come from the leader.
        """
        self._take_weights(all_of_them=False)
        moments = {
            index: {name: self._moment(value, index) for name, value in kept.items()}
            for index, kept in state["optimizer"]["state"].items()
        }
        super().load_state_dict({**state, "optimizer": {**state["optimizer"], "state": moments}})

    def _moment(self, value: Tensor | None, index: int) -> Tensor:
        """A part of an optimizer's moment; the count of its steps is the same for all."""
        if value is not None and not value.dim():
            return value
        return _distributed(value, cast("DTensor", self.trained[index]))


def _counts(one: Pass) -> bool:
    return not isinstance(one, Shared) or one.counts


def _gathered(value: Tensor, keep: bool) -> Tensor | None:
    """The whole of a part, on the CPU, where it is kept; all processes have to ask for it."""
    whole = value.full_tensor() if isinstance(value, DTensor) else value
    return whole.cpu() if keep else None


def _distributed(value: Tensor | None, part: DTensor) -> DTensor:
    """Process 0's tensor, which the others need not have, shared out as a part of the model is."""
    whole = torch.empty(part.shape) if value is None else value.detach()
    return distribute_tensor(whole.to(part.device, part.dtype), part.device_mesh, part.placements)
