"""Our environments in TRL's `GRPOTrainer` (1.16.0), in its two ways.

    Rollouts          a `rollout_func`: we play whole episodes with the trainer's weights, token for token
    environment       an `environment_factory`: TRL talks, the environment is a tool that it calls

Both play one seat; agents of ours play the others, or with `opponent="self"` the weights under training do.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

from sparring import registry
from sparring.agents.talking.agent import TalkingAgent
from sparring.interop.rows import row_of
from sparring.rollout.loop import Match, play
from sparring.types import Episode, Sampling

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast

    from sparring.agents.models.transformers import TransformersModel

SELF = "self"
Messages = list[dict[str, str]]


class Trainer(Protocol):
    """What is used of TRL's trainer."""

    accelerator: Any
    model: Any
    state: Any
    processing_class: Any


class Rollouts:
    """Episodes for TRL: give it as `rollout_func`, its `dataset()` as `train_dataset`, its `reward` as reward function.

    A prompt of the dataset names one seat of one task. TRL repeats it `num_generations` times and compares the rewards
    of these rows with each other, so a group is always one seat's. A row is one conversation: what the seat was shown
    has `env_mask` 0, what the model wrote has 1, ids and log-probabilities as they were sampled.
    """

    def __init__(
        self,
        env_id: str,
        seeds: Iterable[int],
        seats: Sequence[str] | None = None,
        opponent: str = "random",
        *,
        env_kwargs: Mapping[str, object] | None = None,
        temperature: float = 1.0,
        max_new_tokens: int = 64,
        decoding: Literal["free", "legal"] = "free",
        system: str | None = None,
        on_episodes: Callable[[Sequence[Episode]], object] | None = None,
    ) -> None:
        """`seats`: those that learn, all where it is left out. `opponent`: an agent's spec, or "self".

        `decoding`: "legal" draws among the legal actions where these are listed; TRL does not know of them, and trains
        the drawn tokens as if they had been drawn among all. `system`: the system prompt. `on_episodes`: what keeps the
        episodes, such as `store.append`.
        Raises UnknownName, ValueError.
        """
        self.env_id, self.kwargs = env_id, dict(env_kwargs or {})
        self.seats = registry.envs.row(env_id).given(self.kwargs).seat_ids
        if wrong := set(seats or ()) - set(self.seats):
            raise ValueError(f"seats of {self.env_id} are {', '.join(self.seats)}, got {sorted(wrong)}")
        if opponent != SELF:
            registry.make_agent(opponent)
        self.opponent, self.on_episodes = opponent, on_episodes
        self.sampling = Sampling(temperature, max_new_tokens=max_new_tokens, decoding=decoding)
        self.system = system
        tasks = itertools.product(seeds, seats or self.seats)
        self._tasks = {f"{self.env_id} seed {seed} {seat}": (seed, seat) for seed, seat in tasks}
        self._played = 0
        self._model: TransformersModel | None = None

    def dataset(self) -> Dataset:
        """One row a seat of a task: `prompt` names it."""
        from datasets import Dataset

        rows = [{"prompt": [{"role": "user", "content": name}]} for name in self._tasks]
        return Dataset.from_list(rows)

    def __call__(self, prompts: Sequence[Messages | str], trainer: Trainer) -> dict[str, list[Any]]:
        """One row a prompt, in their order. Raises ValueError for a prompt that is not of `dataset()`."""
        tasks = [self._task(prompt) for prompt in prompts]
        model = self._model_of(trainer)
        learner = TalkingAgent(model, sampling=self.sampling, system=self.system, trainable=True, name="learner")
        matches = [self._match(number, seed, seat) for number, (seed, seat) in enumerate(tasks)]
        self._played += len(matches)
        episodes = play(matches, {"learner": learner})
        if self.on_episodes is not None:
            self.on_episodes(episodes)
        seats = [seat for _, seat in tasks]
        eos = model.tokenizer.eos_ids[:1]
        rows = [row_of(episode, seat, eos) for episode, seat in zip(episodes, seats, strict=True)]
        return {
            "prompt_ids": [row.prompt_ids for row in rows],
            "completion_ids": [row.completion_ids for row in rows],
            "logprobs": [row.logprobs for row in rows],
            "env_mask": [row.mask for row in rows],
            "payoff": [row.payoff for row in rows],
        }

    @staticmethod
    def reward(payoff: Sequence[float | None], **columns: object) -> list[float | None]:
        """What each row's seat was paid; None, which TRL leaves out, where a fault broke its episode off."""
        return list(payoff)

    def _task(self, prompt: Messages | str) -> tuple[int, str]:
        name = prompt if isinstance(prompt, str) else prompt[-1]["content"]
        if name not in self._tasks:
            raise ValueError(f"no task is called {name!r:.80}: train on the rows of dataset()")
        return self._tasks[name]

    def _match(self, number: int, seed: int, seat: str) -> Match:
        other = "learner" if self.opponent == SELF else self.opponent
        names = {one: "learner" if one == seat else other for one in self.seats}
        played = self._played + number
        id = f"trl/{self.env_id}/{seed}/{played}"
        return Match(id, self.env_id, names, seed, self.kwargs, sample=played, task=f"{self.env_id}/{seed}")

    def _model_of(self, trainer: Trainer) -> TransformersModel:
        """The trainer's weights as they are now."""
        from sparring.agents.models.tokenizer import FastTokenizer
        from sparring.agents.models.transformers import TransformersModel
        from sparring.agents.models.weights.reading import Loaded

        if self._model is None:
            module, tokenizer = trainer.accelerator.unwrap_model(trainer.model), trainer.processing_class
            fast = FastTokenizer(tokenizer, (int(tokenizer.eos_token_id),))
            self._model = TransformersModel.from_loaded(Loaded("learner", module, fast, ""))
        self._model.weights_version = f"step-{trainer.state.global_step}"
        return self._model


class Environment:
    """One seat as a tool: TRL tells the model what `reset` returns, and the model calls `act`.

    Made by `environment`, which TRL calls once for every row that is played at the same time.
    """

    def __init__(self, make: Callable[[], Any], seeds: Iterator[int], left: float | None = None) -> None:
        """`left`: what a game is worth that the model leaves; None: what it was paid until then."""
        self._env, self._seeds, self._left = make(), seeds, left
        self._reward, self._is_over = 0.0, True

    def reset(self, seed: int | None = None, **row: object) -> str:
        """Begin an episode; `seed` is the row's column of that name, else the next one."""
        observation, _ = self._env.reset(seed=next(self._seeds) if seed is None else int(seed))
        self._reward, self._is_over = 0.0, False
        return f"{observation}\nCall act to play."

    def act(self, action: str) -> str:
        """
        Play an action, and see what comes of it.

        Args:
            action: The action, in the words of the observation.

        Returns:
            What you see now.
        """
        if self._is_over:
            raise ValueError("the game is over")
        observation, reward, terminated, truncated, info = self._env.step(str(action))
        self._reward += float(reward)
        self._is_over = bool(terminated or truncated)
        if self._is_over:
            return f"{observation}\nThe game is over: {self._reward:+g}."
        return f"{observation}\nThat was illegal." if info.get("illegal") else str(observation)

    def get_reward(self) -> float:
        """What the seat was paid. A game against others that the model did not play to its end is worth the least that
        a game can bring, where that is known: else leaving would be better than losing."""
        return self._reward if self._is_over or self._left is None else self._left


def environment(env_id: str, first_seed: int = 0, **kwargs: Any) -> Callable[[], Environment]:
    """An `environment_factory`. `kwargs`: as of `gymnasium.make`: opponent, seat, the environment's own.

    Rows without a column `seed` play the seeds from `first_seed` on, each one once. Raises UnknownName, ValueError.
    """
    import gymnasium

    import sparring.envs  # noqa: F401  (registers the ids)

    def make() -> Any:
        return gymnasium.make(env_id, disable_env_checker=True, **kwargs).unwrapped

    make().close()
    seeds, left = itertools.count(first_seed), _worth_of_leaving(env_id, kwargs)
    return lambda: Environment(make, seeds, left)


def _worth_of_leaving(env_id: str, kwargs: Mapping[str, object]) -> float | None:
    """The least that a game against others can bring; None where nobody else plays, and where it is not known."""
    row = registry.envs.row(env_id.rpartition(":")[2])
    known = row.rewards_with(kwargs)
    return known[0] if known and row.seats > 1 and math.isfinite(known[0]) else None


TOOLS_TEMPLATE = (
    "{% if tools %}<|im_start|>system\n{% if messages[0].role == 'system' %}{{ messages[0].content }}\n{% endif %}"
    "Functions that you can call:\n{% for tool in tools %}{{ tool | tojson }}\n{% endfor %}"
    'Call one so: <tool_call>{"name": "its name", "arguments": {}}</tool_call><|im_end|>\n{% endif %}'
    "{% for message in messages %}{% if not (tools and loop.first and message.role == 'system') %}"
    "<|im_start|>{{ message.role }}\n{{ message.content or '' }}"
    "{% for call in message.tool_calls or [] %}"
    "<tool_call>{{ (call.function or call) | tojson }}</tool_call>{% endfor %}<|im_end|>\n"
    "{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""SmolLM2's chat template, ChatML, with a place for tools."""
TOOLS_RESPONSE = {
    "defaults": {"role": "assistant"},
    "start_anchor": "<|im_start|>assistant\n",
    "fields": {
        "tool_calls": {
            "open": "<tool_call>",
            "close_pattern": r"</tool_call>\s*",
            "repeats": True,
            "content": "json",
            "transform": {"type": "function", "function": "{content}"},
        },
        "content": {"close_pattern": r"<\|im_end\|>\s*", "content": "text"},
    },
}
"""How `transformers` (5.13 and later) reads an answer in that template."""


def with_tools(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A copy of a ChatML tokenizer such as SmolLM2's whose template shows tools, and whose answers TRL can read.

    Raises ValueError for a tokenizer of another format.
    """
    if "<|im_start|>" not in (tokenizer.chat_template or ""):
        raise ValueError(
            "the tokenizer's chat template is not ChatML: give TRL one with a response template of its own"
        )
    found = copy.deepcopy(tokenizer)
    found.chat_template, found.response_template = TOOLS_TEMPLATE, TOOLS_RESPONSE
    return found
