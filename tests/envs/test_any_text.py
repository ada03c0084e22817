"""Texts come out of a vector environment's shared memory as they went in, after every step."""

import copy

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv
from gymnasium.vector.utils.shared_memory import (
    create_shared_memory,
    read_from_shared_memory,
    write_to_shared_memory,
)

import sparring.envs
from sparring.envs.any_text import AnyText, SharedText

ID = "sparring.envs:sparring/KuhnPoker-v0"


def test_a_vector_environment_in_processes_with_its_defaults_shows_the_texts_of_the_games():
    alone = gymnasium.make(ID, opponent="constant:check")
    vector = gymnasium.make_vec(ID, num_envs=2, vectorization_mode="async", opponent="constant:check")
    assert isinstance(vector.unwrapped, AsyncVectorEnv)
    try:
        first, _ = vector.reset(seed=[3, 4])
        expected = [alone.reset(seed=seed)[0] for seed in (3, 4)]
        assert list(first) == expected
        after, rewards, *_ = vector.step(("check", "check"))
        assert list(first) == expected, "what was given stays"
    finally:
        vector.close()
    for place, seed in enumerate((3, 4)):
        alone.reset(seed=seed)
        text, reward, *_ = alone.step("check")
        assert (after[place], rewards[place]) == (text, reward)


@pytest.mark.parametrize("space", [SharedText(8, charset=frozenset("abc \n")), AnyText(8)])
def test_what_is_read_is_what_was_written_last(space):
    memory = create_shared_memory(space, n=2)
    texts = read_from_shared_memory(space, memory, n=2)
    for pair in (("abc", ""), ("", "a\nb c"), ("abcabcab", "b")):
        for place, text in enumerate(pair):
            write_to_shared_memory(space, place, text, memory)
        assert copy.deepcopy(texts) == pair


def test_characters_beyond_ascii_and_zero_are_kept():
    space = AnyText(8)
    memory = create_shared_memory(space, n=1)
    write_to_shared_memory(space, 0, "é\x00\ud800𝄞", memory)
    assert read_from_shared_memory(space, memory, n=1)[0] == "é\x00\ud800𝄞"


def test_the_text_environments_have_such_spaces():
    env = sparring.envs.make("sparring/SimpleNegotiation-v0")
    assert isinstance(env.observation_space("player_0"), SharedText)
