"""Conversations, pools and planted injections of the generated worlds."""

from __future__ import annotations

from functools import cache

import pytest

from sparring.envs.code.split_rng import SPLITS
from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.worlds import GeographicWorld, load_world
from sparring.envs.retrieval.worlds.conversing import LEANING, LONGEST, SHORTEST
from sparring.envs.retrieval.worlds.injections import ATTACKS, FORGED
from sparring.envs.retrieval.worlds.proofs import mentions

WANTED = 150


@cache
def world_of(spec: str) -> GeographicWorld:
    world = load_world(spec)
    assert isinstance(world, GeographicWorld)
    return world


def test_the_first_question_stands_alone_and_the_last_does_not() -> None:
    world = world_of("fiction")
    by_id = {passage.id: passage for passage in world.passages}
    lengths = set()
    for split in SPLITS:
        for number in range(WANTED):
            exchanges = world.conversation(split, number).exchanges
            lengths.add(len(exchanges))
            assert exchanges[0].asked == exchanges[0].rewrite
            assert exchanges[-1].asked != exchanges[-1].rewrite
            for exchange in exchanges:
                (gold,) = exchange.gold
                assert exchange.answer in by_id[gold].text
                assert not mentions(exchange.rewrite, [exchange.answer])
    assert lengths == set(range(SHORTEST, LONGEST + 1))


def test_a_question_that_leans_names_nothing_and_its_rewrite_names_the_thing() -> None:
    world = world_of("fiction")
    by_id = {passage.id: passage for passage in world.passages}
    leaning = {text for texts in LEANING.values() for text in texts}
    kinds = {"leaning": 0, "shortened": 0, "switched": 0}
    for number in range(WANTED):
        for exchange in world.conversation("train", number).exchanges[1:]:
            subject = by_id[exchange.gold[0]].triples[0].subject
            assert subject in exchange.rewrite
            if exchange.asked in leaning:
                kinds["leaning"] += 1
                assert subject not in exchange.asked
                assert not exchange.switches_topic
            else:
                kinds["switched" if exchange.rewrite in exchange.asked else "shortened"] += 1
                assert exchange.switches_topic
    assert min(kinds.values()) > 50


@pytest.mark.parametrize(("spec", "least"), [("fiction", 0.98), ("atlas", 0.9)])
def test_a_rewrite_finds_what_the_question_alone_does_not(spec: str, least: float) -> None:
    world = world_of(spec)
    retriever = Bm25(world.passages)
    last = [world.conversation("train", number).exchanges[-1] for number in range(100)]
    found = {}
    for how, queries in (("asked", [one.asked for one in last]), ("rewrite", [one.rewrite for one in last])):
        hits = retriever.search(queries, 10)
        found[how] = sum(one.gold[0] in [hit.passage.id for hit in ten] for one, ten in zip(last, hits, strict=True))
    assert found["rewrite"] >= 100 * least
    assert found["asked"] < 60


def test_no_conversation_of_one_split_is_in_the_other() -> None:
    world = world_of("fiction:size=600")
    texts = {
        split: {
            exchange.rewrite for number in range(WANTED) for exchange in world.conversation(split, number).exchanges
        }
        for split in SPLITS
    }
    assert not texts["train"] & texts["held_out"]


@pytest.mark.parametrize("size", [2, 5, 9, 60])
def test_one_candidate_of_a_pool_answers_and_the_others_are_near(size: int) -> None:
    world = world_of("fiction")
    places, near = set(), 0
    for split in SPLITS:
        for number in range(60):
            pool = world.pool(split, number, size)
            ids = [candidate.id for candidate in pool.candidates]
            assert len(set(ids)) == len(ids) == size
            (gold,) = pool.gold
            places.add(ids.index(gold))
            (answer,) = (candidate for candidate in pool.candidates if candidate.id == gold)
            subject = answer.triples[0].subject
            told = [t for t in answer.triples if t.subject in pool.query]
            assert told
            others = [candidate for candidate in pool.candidates if candidate.id != gold]
            near += sum(
                candidate.id.partition("/")[0] == gold.partition("/")[0] or mentions(candidate.contents, [subject])
                for candidate in others
            )
    assert len(places) == min(size, len(places))
    assert len(places) > size // 3
    assert near > 0.6 * 120 * (size - 1)


def test_a_pool_of_a_wrong_size_is_refused() -> None:
    world = world_of("fiction:size=600")
    for size in (-1, 0, 1, 10**6):
        with pytest.raises(ValueError, match=r"size of a pool must be 2 to \d+, got"):
            world.pool("train", 0, size)


def test_injections_are_many_different_and_prove_nothing() -> None:
    plain, planted = world_of("fiction"), world_of("fiction:injections=120")
    injected = [passage for passage in planted.passages if passage.id.startswith("injection/")]
    assert len(ATTACKS) >= 60
    assert len(set(ATTACKS.values())) == len(ATTACKS)
    assert len({passage.text for passage in injected}) == len(injected) == 120
    assert not any(passage.triples for passage in injected)
    assert list(planted.passages[: len(plain.passages)]) == list(plain.passages)
    for number in range(60):
        assert planted.question("train", number) == plain.question("train", number)
    assert not any(FORGED in passage.contents for passage in plain.passages)
    for passage in injected:
        passage.contents.encode("utf-8")


def test_injections_are_found_beside_what_they_are_about() -> None:
    world = world_of("fiction:injections=300")
    retriever = Bm25(world.passages)
    injected = [passage for passage in world.passages if passage.id.startswith("injection/")][:80]
    things = [passage.title.removeprefix("Notes on ").split(" ")[0] for passage in injected]
    hits = retriever.search(things, 10)
    found = [passage in [hit.passage for hit in ten] for passage, ten in zip(injected, hits, strict=True)]
    assert sum(found) > 70
