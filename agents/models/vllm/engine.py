"""Questions to a vLLM engine in this process, and new weights for it.

All questions of a round (`rounds`) enter one continuous batch: vLLM starts the next request where one ends. Which ones
meet does not depend on the speed of the machine, so equal runs ask equal batches. Prompts that begin alike share their
cache (prefix caching), from one round to the next until weights change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from sparring.agents.models.engine.decode import Generated
from sparring.agents.models.rounds import Abandoned, require_wanted
from sparring.agents.models.sampler import EngineFailed, Question, Scores
from sparring.protocols import Ids
from sparring.types import Sampling, mark_fault

if TYPE_CHECKING:
    from vllm import LLM, RequestOutput, SamplingParams

T = TypeVar("T")
LEAST_TEMPERATURE = 0.01
"""vLLM raises lower ones to this, and samples from another law than it was asked for."""
SHORT = 4
"""Tokens of a continuation that is scored one by one, after prompts that the cache holds; of a longer one the whole
prompt is computed, because vLLM reads no cache where it scores a prompt."""
MOST_AT_ONCE = 128
"""Tokens whose log-probabilities vLLM gives at one place."""
SYNC_TIMEOUT = 300.0
"""Seconds that new weights have to arrive."""
ANSWERS = 32
"""Of the tokens that new weights are checked with, so many are answers to the others."""


class VllmEngine:
    """Samples and scores with a copy of a model's weights; `open_engine` makes one.

    Log-probabilities are those of the law that a token was sampled from: after temperature and top-p.
    """

    def __init__(self, llm: LLM, eos_ids: Sequence[int], probe: Sequence[int], tolerance: float, sleeps: bool) -> None:
        """`probe`: token ids that new weights are checked with. `sleeps`: whether it gives memory back in between."""
        self._llm, self._eos_ids, self._sleeps = llm, list(eos_ids), sleeps
        self._probe, self._tolerance = list(probe), tolerance
        self._asleep = False
        self.version = ""
        self._failure = ""
        self._numbers = count()

    def generate(self, prompts: Sequence[Ids], sampling: Sampling, seeds: Sequence[int]) -> list[Generated]:
        """One continuation a prompt; equal prompts, seeds and weights give equal tokens.

        Raises ValueError for a temperature that vLLM would change, EngineFailed.
        """
        self._require_alive()
        if 0 < sampling.temperature < LEAST_TEMPERATURE:
            raise ValueError(f"temperature must be >= {LEAST_TEMPERATURE} with vLLM, got {sampling.temperature}")
        asked = [
            (prompt, self._params(sampling.max_new_tokens, sampling.temperature, sampling.top_p, seed, logprobs=0))
            for prompt, seed in zip(prompts, seeds, strict=True)
        ]
        return [_generated(answer, sampling.temperature) for answer in self._ask(asked)]

    def score(self, questions: list[Question]) -> list[np.ndarray]:
        """Per question, the log-probability of each token of the continuation, nats. Raises EngineFailed."""
        after: dict[tuple[int, ...], dict[int, float]] = {}
        for prompt, continuation in questions:
            if len(continuation) <= SHORT:
                for depth, token in enumerate(continuation):
                    after.setdefault(prompt + continuation[:depth], {})[token] = 0.0
        self._fill(after)
        long = [question for question in questions if len(question[1]) > SHORT]
        whole = iter(self._ask([(prompt + said, self._params(1, 0, prompt_logprobs=0)) for prompt, said in long]))
        return [
            np.array([after[prompt + said[:depth]][token] for depth, token in enumerate(said)])
            if len(said) <= SHORT
            else _of_prompt(next(whole), len(prompt))
            for prompt, said in questions
        ]

    def sync(self, weights: Iterable[tuple[str, Tensor]], version: str, scores: Scores) -> None:
        """Take new weights, and ask a prompt of several cache blocks to see that they arrived.

        The way is vLLM's `reload_weights` with an iterator of tensors under their Hugging Face names (not in 0.12,
        documented since 0.18). It leaves a tied head as it was, which its documentation names as a limit: the head
        is tied again here. Raises EngineFailed where they do not arrive, or not in `SYNC_TIMEOUT` seconds.
        """
        self._require_alive()
        self.version = ""
        try:
            within(SYNC_TIMEOUT, lambda: self._load(weights))
            self._require_arrived(scores)
        except TimeoutError as error:
            raise self._failed(f"new weights did not arrive within {SYNC_TIMEOUT:g} s") from error
        except EngineFailed:
            raise
        except Exception as error:  # whatever it is, half of the weights may be new
            raise self._failed(f"new weights could not be loaded: {_said(error)}") from error
        self.version = version

    def rest(self) -> None:
        """On a GPU, drop weights and cache until the next `sync`: the learner needs the memory."""
        if self._sleeps and not self._asleep:
            self._llm.sleep(level=2)
            self._asleep, self.version = True, ""

    def _load(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        if self._asleep:
            self._llm.wake_up(tags=["weights"])
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": weights})
        self._llm.apply_model(tie_head)
        if self._asleep:
            self._llm.wake_up(tags=["kv_cache"])
            self._asleep = False
        if not self._llm.reset_prefix_cache():
            raise EngineFailed("its prefix cache could not be cleared")

    def _require_arrived(self, scores: Scores) -> None:
        prompt, answers = self._probe[:-ANSWERS], dict.fromkeys(self._probe[-ANSWERS:])
        questions: list[Question] = [(tuple(prompt), (token,)) for token in answers]
        apart = float(np.abs(np.concatenate(self.score(questions)) - np.concatenate(scores(questions))).mean())
        if not apart <= self._tolerance:
            raise self._failed(
                f"the weights that it has are not the learner's: log-probabilities differ by {apart:.2g} nats "
                f"in the mean, and at most {self._tolerance:g} is rounding"
            )

    def _fill(self, after: dict[tuple[int, ...], dict[int, float]]) -> None:
        """Put in the log-probability of each token after these tokens."""
        parts = [
            (context, list(wanted)[start : start + MOST_AT_ONCE])
            for context, wanted in after.items()
            for start in range(0, len(wanted), MOST_AT_ONCE)
        ]
        asked = [(context, self._params(1, 0, logprob_token_ids=tokens)) for context, tokens in parts]
        for (context, tokens), answer in zip(parts, self._ask(asked), strict=True):
            found = answer.outputs[0].logprobs[0]
            after[context].update((token, found[token].logprob) for token in tokens)

    def _params(
        self,
        max_tokens: int,
        temperature: float,
        top_p: float = 1.0,
        seed: int | None = None,
        logprobs: int | None = None,
        prompt_logprobs: int | None = None,
        logprob_token_ids: list[int] | None = None,
    ) -> SamplingParams:
        """Temperature 0 draws no random number; the log-probabilities are then those of temperature 1."""
        from vllm import SamplingParams

        return SamplingParams(
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            seed=seed,
            logprobs=logprobs,
            prompt_logprobs=prompt_logprobs,
            logprob_token_ids=logprob_token_ids,
            stop_token_ids=self._eos_ids,
            ignore_eos=True,
            detokenize=False,
        )

    def _ask(self, asked: Sequence[tuple[Ids, SamplingParams]]) -> list[RequestOutput]:
        """The answers to requests that are computed together. Raises EngineFailed, Abandoned."""
        self._require_alive()
        engine = self._llm.llm_engine
        numbers, answers = [str(next(self._numbers)) for _ in asked], dict[str, "RequestOutput"]()
        try:
            for number, (prompt, params) in zip(numbers, asked, strict=True):
                engine.add_request(number, {"prompt_token_ids": list(prompt)}, params)
            with torch.random.fork_rng():  # vLLM draws from the global generator too, where no request needs it
                while engine.has_unfinished_requests():
                    require_wanted()
                    answers |= {answer.request_id: answer for answer in engine.step() if answer.finished}
            return [answers[number] for number in numbers]
        except Abandoned:
            engine.abort_request(numbers)
            raise
        except Exception as error:
            raise self._failed(f"vLLM said: {_said(error)}") from error

    def _require_alive(self) -> None:
        if self._failure:
            raise self._failed(self._failure)

    def _failed(self, reason: str) -> EngineFailed:
        self._failure = reason
        return mark_fault(EngineFailed(f"the vLLM engine is lost: {reason}"), "engine")


def tie_head(model: nn.Module) -> None:
    """Give a head that shares its matrix with the embedding the new one: on a CPU it holds a packed copy of its own."""
    from vllm.model_executor.layers.vocab_parallel_embedding import ParallelLMHead, VocabParallelEmbedding

    layers = [layer for layer in model.modules() if isinstance(layer, VocabParallelEmbedding)]
    heads = [layer for layer in layers if isinstance(layer, ParallelLMHead)]
    if getattr(model.config, "tie_word_embeddings", False) and heads and len(layers) > len(heads):
        heads[0].weight = next(layer for layer in layers if layer is not heads[0]).weight
        heads[0].quant_method.process_weights_after_loading(heads[0])


def _generated(answer: RequestOutput, temperature: float) -> Generated:
    written = answer.outputs[0]
    tokens = list(written.token_ids)
    logprobs = [at[token].logprob for at, token in zip(written.logprobs, tokens, strict=True)]
    return Generated(
        tokens, logprobs if temperature else [0.0] * len(tokens), "eos" if written.finish_reason == "stop" else "length"
    )


def _of_prompt(answer: RequestOutput, start: int) -> np.ndarray:
    """The log-probabilities of a prompt's tokens from `start` on."""
    places = zip(answer.prompt_token_ids[start:], answer.prompt_logprobs[start:], strict=True)
    return np.array([at[token].logprob for token, at in places])


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns. Raises TimeoutError; its thread is then left to itself, because nothing can end it."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            with torch.no_grad():
                result.set_result(work())
        except BaseException as error:  # noqa: BLE001  (whoever waits gets it)
            result.set_exception(error)

    threading.Thread(target=run, name="sparring-sync", daemon=True).start()
    return result.result(timeout=seconds)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
