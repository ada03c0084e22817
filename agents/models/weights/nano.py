"""nano: a Llama of 0.8 million parameters over bytes and words, made in code. It takes the paths of any other model.

For tests and demonstrations of minutes: nothing to download, and a step takes milliseconds on one CPU core.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sparring.registry import require

if TYPE_CHECKING:
    from transformers import LlamaConfig, PreTrainedModel, PreTrainedTokenizerFast

SPECIAL = ("<|end|>", "<|system|>", "<|user|>", "<|assistant|>")
"""After the 256 bytes, in this order."""
CONTEXT = 2048
"""Tokens."""
SPREAD = 0.1
"""Standard deviation of the weights, four times the usual one. Otherwise attention starts out even over a prompt, and
the one word that matters, a card, is noticed only after a long plateau."""
EVEN = 0.1
"""The head starts this much smaller, so that every choice is nearly even before training."""
CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def build(seed: int = 0) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """The model and its `transformers` tokenizer; equal seeds give equal weights, torch's generator is untouched."""
    torch, transformers = require("torch", "train"), require("transformers", "train")
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        model = transformers.LlamaForCausalLM(config())
    with torch.no_grad():
        model.lm_head.weight *= EVEN
    return model, tokenizer()


def config() -> LlamaConfig:
    """Two layers of width 128."""
    return require("transformers", "train").LlamaConfig(
        vocab_size=256 + len(SPECIAL) + len(words()),
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        rope_parameters={"rope_type": "default", "rope_theta": 10_000.0},
        bos_token_id=None,
        eos_token_id=256,
        pad_token_id=256,
        tie_word_embeddings=False,
        initializer_range=SPREAD,
    )


def tokenizer() -> PreTrainedTokenizerFast:
    """A token for each byte, the special ones, and one for each of the words; the files it saves hold all of it."""
    tokenizers = require("tokenizers", "train")
    vocabulary = {token: index for index, token in enumerate([*_byte_characters(), *SPECIAL, *words()])}
    by_word = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, [], ignore_merges=True))
    by_word.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    by_word.decoder = tokenizers.decoders.ByteLevel()
    by_word.add_special_tokens([tokenizers.AddedToken(t, special=True, normalized=False) for t in SPECIAL])
    return require("transformers", "train").PreTrainedTokenizerFast(
        tokenizer_object=by_word,
        eos_token=SPECIAL[0],
        pad_token=SPECIAL[0],
        chat_template=CHAT,
        clean_up_tokenization_spaces=False,
    )


def words() -> list[str]:
    """The words that have a token of their own, as byte-level tokenizers write them (`Ġcard` is " card").

    `.ci/nano_words` wrote them down, from random play of the environments here.
    """
    return files(__package__).joinpath("nano_words.txt").read_text("utf-8").split()


def _byte_characters() -> list[str]:
    """The printable character that byte-level tokenizers write for each byte: itself, or one from 256 up."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(rest)) for byte in range(256)]
