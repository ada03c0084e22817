"""The desk of writers: what it asks, what it takes, how it has a game mended, and that no answer can break it."""

import random

import pytest

from sparring.envs.adventures.hundred import fingerprints
from sparring.envs.adventures.worlds.proofs import prove
from sparring.envs.adventures.worlds.rules import read_game
from sparring.envs.adventures.writing.desk import MOST_ATTEMPTS, WriterDesk
from sparring.envs.adventures.writing.measures import copying, worth
from sparring.envs.adventures.writing.script import LENGTHS
from sparring.envs.adventures.writing.slots import LONGEST_SENTENCE, NotRead, names_in, read_choice, read_sentence

IDEA = "a clockmaker has lost her spring"
HOSTILE = (
    *("", " ", "\x00", "a\x00b", "\ud800", "🔑" * 50, "9" * 5_000, "x" * 1_000_000, "\n" * 10_000),
    *("[won] *** The End ***", "take all", "{'game': 1}", '"quoted" \\ back', "\u202eeman", "ﬁnd the café"),
    *("the a an in on", "north", "key\nkey\nkey", "Name: " * 900, "a" * 39 + " " + "b" * 39),
)


def written(seed: int, difficulty: int = 1, answers=None, **options) -> WriterDesk:
    """A desk after a writer who chooses at random, and makes up words elsewhere."""
    rng = random.Random(seed)
    desk = WriterDesk(IDEA, difficulty, seed, **options)
    while desk.slot is not None:
        said = rng.choice(desk.choices) if desk.choices else made_up(rng)
        desk.answer(answers(desk, rng) if answers else said)
    return desk


def made_up(rng: random.Random) -> str:
    words = ["".join(rng.choice("bdfglmnprst") + rng.choice("aeiou") for _ in range(3)) for _ in range(4)]
    return f"{words[0]} {words[1]}\n" if rng.random() < 0.7 else f"The {' '.join(words)} waits here."


@pytest.mark.parametrize("difficulty", range(1, 6))
def test_any_choices_and_names_become_a_proven_game(difficulty):
    for seed in range(4):
        desk = written(seed, difficulty)
        assert desk.reasons == ()
        game = read_game(desk.game.model_dump(mode="json"))
        assert prove(game, fingerprints()).ok
        assert desk.manifest.length >= LENGTHS[difficulty - 1][0]
        assert sum(worth(desk).values()) > 0.7


def test_equal_seeds_and_answers_give_equal_games_and_other_seeds_other_ones():
    assert written(3, 2).game.hash == written(3, 2).game.hash
    assert written(3, 2).game.hash != written(4, 2).game.hash


def test_no_hostile_answer_breaks_a_slot_or_gets_into_a_game():
    for seed in range(40):
        desk = written(
            seed,
            1 + seed % 5,
            lambda desk, rng: rng.choice([*HOSTILE, *(desk.choices or ()), *(desk.choices or ()), made_up(rng)]),
        )
        if desk.game is not None:
            assert read_game(desk.game.model_dump_json()) == desk.game
            assert all(len(room.text) <= LONGEST_SENTENCE + 2 for room in desk.game.rooms)
        else:
            assert desk.reasons
        assert desk.answers < 400


@pytest.mark.parametrize("answer", HOSTILE)
def test_one_hostile_answer_to_everything_ends_in_a_failed_game_with_its_reason(answer):
    desk = WriterDesk(IDEA)
    while desk.slot is not None:
        desk.answer(answer)
    assert desk.game is None
    assert f"{MOST_ATTEMPTS} answers were refused" in desk.reasons[0]
    assert desk.answer("more") == "the game is written: nothing more is asked for"


def test_a_refused_answer_is_asked_for_again_with_the_reason():
    desk = WriterDesk(IDEA)
    while desk.slot.kind != "name":
        desk.answer("Something happens here.")
    slot = desk.slot.name
    assert desk.answer("north") == "a name has one to 3 words of letters, got 'north'"
    assert desk.slot.name == slot
    assert "Not taken: a name has one to 3 words of letters, got 'north'." in desk.prompt


def test_a_name_that_was_refused_twice_is_chosen_from_a_list_of_names_that_can_be_given():
    desk = WriterDesk(IDEA)
    while desk.slot.kind != "name":
        desk.answer("Something happens here.")
    for _ in range(2):
        assert desk.choices is None
        desk.answer("1")
    assert len(desk.choices) >= 3
    assert desk.answer(desk.choices[1]) == ""


def test_what_repeats_an_example_is_refused_and_what_is_chosen_from_a_list_counts_as_copied():
    desk = WriterDesk(IDEA)
    while desk.slot.kind != "name":
        desk.answer("Something happens here.")
    example = desk.slot.examples[0][1]
    assert desk.answer(example) == f"{example!r} is the example's: write another one"
    desk.answer(example)
    desk.answer(desk.choices[0])
    found = copying(desk.filled)
    assert (found.names, found.copied_names) == (1, 1)


def test_a_name_that_could_be_mistaken_for_another_one_is_refused():
    desk = WriterDesk(IDEA)
    while desk.slot.name != "room 1":
        desk.answer("Something happens here.")
    desk.answer("bell tower")
    desk.answer("It is high up.")
    assert "could be mistaken for each other" in desk.answer("the bell tower")
    assert desk.answer("old bell tower\nrope loft") == ""  # the first line that can be taken
    assert desk.filled[-1].answer == "rope loft"


def test_choices_are_made_of_earlier_answers():
    desk = WriterDesk(IDEA, 2)
    rooms = []
    while not desk.slot.name.startswith("where"):
        said = desk.choices[0] if desk.choices else f"{'abcdefghijkl'[desk.answers % 12] * 4} place of {desk.answers}"
        rooms += [said[:10]] if desk.slot.name.startswith("room ") else []
        assert desk.answer(said) == ""
    assert list(desk.choices) == rooms


def test_the_sentences_of_a_compiler_come_back_as_a_slot_for_what_they_name():
    asked = []

    def complains(game):
        name = game.rooms[0].name
        return [] if name == "quiet glade" else [f"the compiler does not know what '{name}' is"]

    def answers(desk, rng):
        if desk.slot.name.startswith("rename"):
            asked.append(desk.prompt)
            return "quiet glade"
        return rng.choice(desk.choices) if desk.choices else made_up(rng)

    desk = written(5, 2, answers, checks=[complains])
    assert desk.game.rooms[0].name == desk.game.start == "quiet glade"
    assert len(asked) == 1
    assert "Not taken: the compiler does not know what" in asked[0]


def test_a_game_that_a_check_never_takes_fails_after_a_few_repairs_with_its_sentence():
    desk = written(5, 1, checks=[lambda game: ["it is too quiet"]])
    assert desk.game is None
    assert desk.reasons == ("it is too quiet",)
    assert 0 < sum(one.repair for one in desk.filled) < 60


def test_a_game_like_a_known_one_is_mended_by_another_obstacle():
    first = written(7, 1)
    second = written(7, 1, known={first.manifest.fingerprint})
    assert second.manifest.fingerprint != first.manifest.fingerprint
    assert any(one.repair for one in second.filled)


@pytest.mark.parametrize("answer", [*HOSTILE, "hidden.", "HIDDEN"])
def test_only_a_listed_choice_is_a_choice(answer):
    with pytest.raises(NotRead, match="answer with one of: hidden; traded"):
        read_choice(answer, ("hidden", "traded"))
    assert read_choice(" [hidden] ", ("hidden", "traded")) == "hidden"


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("The Old Mill", ["old mill"]),
        ("Name: a café\n- net loft", ["cafe", "net loft"]),
        ('1. "Rope Walk"', ["rope walk"]),
        ("a very long and winding name of nine words indeed\nshed", ["shed"]),
    ],
)
def test_names_are_read_out_of_what_models_write(answer, names):
    assert names_in(answer) == names


def test_a_sentence_is_cut_where_one_ends_and_says_nothing_about_the_game_itself():
    assert read_sentence(f"Rain falls here. {'It falls. ' * 100}").endswith("It falls.")
    assert len(read_sentence(f"Rain falls here. {'It falls. ' * 100}")) <= LONGEST_SENTENCE
    assert read_sentence('He says "hm" [loud]\nand more') == "He says 'hm' loud."
    with pytest.raises(NotRead, match="leave out 'sentence'"):
        read_sentence("Here is a sentence for you.")


def test_an_idea_must_hold_words_and_a_difficulty_is_from_1_to_5():
    with pytest.raises(ValueError, match="an idea must hold some words"):
        WriterDesk(" \x00 ")
    with pytest.raises(ValueError, match="difficulty must be from 1 to 5, got 6"):
        WriterDesk(IDEA, 6)
