"""The six families of tool tasks: solvable, graded by type, without a leak, and split for good."""

import json
import re
from collections import Counter

import pytest

from sparring import envs
from sparring.answers.canonical import matches
from sparring.envs.code.split_rng import SPLITS, SplitRng, listed, split_of
from sparring.envs.code.tool_tasks.environment import FAMILIES, make_task, statement
from sparring.envs.code.tool_tasks.pages import LINES_PER_VIEW, Browser, draw_shop
from sparring.envs.code.tool_tasks.task import documentation
from sparring.sandbox import Outcome, Sandbox

SHAPES = [(name, shape) for name, family in FAMILIES.items() for shape in family.shapes]
NAME = re.compile(r"\b[A-Z][a-z]{4,}\b")
CODE = re.compile(r"\b[A-Z]-\d{5}\b")
ENGLISH = {"True", "False", "None", "Price", "Category", "Maker", "Welcome", "Shipping", "Orders", "Customers"}


class Spy:
    """Sees everything that goes into the sandbox."""

    def __init__(self):
        self.seen = []

    def run(self, code, *, files, seed, host):
        self.seen += [code, *(data if isinstance(data, str) else data.decode() for data in files.values()), *host]
        return Outcome("ok")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(workers=2) as box:
        yield box


def solve(env, seed):
    """Play the reference program, then answer what it printed."""
    env.reset(seed=seed)
    *_, info = env.step(f"<execute>\n{env._task.program}\n</execute>")
    assert info["execution"]["status"] == "ok", env._task
    *_, reward, _, _, _ = env.step(f"<answer>{info['execution']['output']}</answer>")
    return reward


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_program_scores_one_on_forty_seeds(sandbox, family, split):
    env = envs.make("sparring/ToolTasks-v0", family=family, split=split, sandbox=sandbox)
    assert [solve(env, seed) for seed in range(40)] == [1.0] * 40


@pytest.mark.parametrize(("family", "shape"), SHAPES)
def test_every_shape_of_question_is_solved_by_its_program(sandbox, family, shape):
    for seed in range(6):
        task = make_task(family, "train", seed, shape)
        files = {"task.py": task.tools, "program.py": task.program}
        outcome = sandbox.run("exec(open('task.py').read() + open('program.py').read())", files=files, host=task.host())
        assert matches(outcome.stdout.strip().splitlines()[-1], task.gold, absolute=task.absolute), (seed, outcome)


@pytest.mark.parametrize(("family", "shape"), SHAPES)
def test_gold_is_typed_and_survives_its_own_rendering(family, shape):
    for seed in range(10):
        task = make_task(family, "held_out", seed, shape)
        assert type(task.gold) in (bool, int, float, str, list, tuple, dict)
        assert task.name == f"{family}/{shape}"
        for text in (repr(task.gold), json.dumps(task.gold), f" {task.gold} "):
            assert matches(text, task.gold, absolute=task.absolute), text


def wrong(gold):
    """An answer of the right type that is not right."""
    if isinstance(gold, bool):
        return not gold
    if isinstance(gold, int | float):
        return gold + 1
    if isinstance(gold, str):
        return gold + "x"
    if isinstance(gold, dict):
        return {name: wrong(value) for name, value in gold.items()}
    return type(gold)([*map(wrong, gold[:-1]), wrong(gold[-1])]) if gold else [1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_wrong_answer_scores_zero(family):
    env = envs.make("sparring/ToolTasks-v0", family=family, sandbox=Spy())
    for seed in range(20):
        for answer in (wrong, lambda gold: "", lambda gold: [gold], lambda gold: "I do not know"):
            env.reset(seed=seed)
            _, reward, terminated, _, info = env.step(f"<answer>{answer(env._task.gold)!r}</answer>")
            assert (reward, terminated, info["reward_parts"]) == (0.0, True, {"payoff": 0.0})


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_asks_in_four_ways_or_more_and_all_of_them_occur(family):
    drawn = {make_task(family, "train", seed).name for seed in range(60)}
    assert drawn == {f"{family}/{shape}" for shape in FAMILIES[family].shapes}
    assert len(drawn) >= 4


def test_every_type_of_answer_is_asked_for():
    golds = {type(make_task(name, "train", 0, shape).gold) for name, shape in SHAPES}
    assert golds == {int, float, str, list, tuple, dict}


def test_one_seed_is_one_task():
    for family in FAMILIES:
        first, again = make_task(family, "train", 7), make_task(family, "train", 7)
        assert (statement(first), first.tools, first.gold) == (statement(again), again.tools, again.gold)
        assert statement(first) != statement(make_task(family, "train", 8))


def test_without_a_family_all_of_them_are_drawn():
    env = envs.make("sparring/ToolTasks-v0", sandbox=Spy())
    drawn = {env.reset(seed=seed)[1]["task"].partition("/")[0] for seed in range(60)}
    assert drawn == set(FAMILIES)


def made_up(split):
    """Every made-up name and identifier in the statements, tools and pages of many tasks."""
    found = set()
    for family in FAMILIES:
        for seed in range(30):
            task = make_task(family, split, seed)
            texts = [task.question, *re.findall(r"^_[A-Z]+ = .*$", task.tools, re.MULTILINE)]
            if family == "web":
                texts += ["\n".join(page) for page in draw_shop(SplitRng(split, family, seed)).pages.values()]
            for text in texts:
                found |= set(CODE.findall(text))
                found |= {
                    name for name in re.findall(r"'([A-Z][a-z]{3,})'|\[([A-Z][a-z]{3,})\]", text) for name in name
                }
    return {name for name in found if name and name not in ENGLISH | {"Home", "People"}}


def test_training_and_held_out_tasks_share_no_name_table_or_page():
    train, held_out = made_up("train"), made_up("held_out")
    assert len(train) > 1_000
    assert len(held_out) > 1_000
    assert {split_of(name) for name in train} == {"train"}
    assert {split_of(name) for name in held_out} == {"held_out"}
    assert not train & held_out


def test_every_word_of_a_message_and_every_strand_belongs_to_its_split():
    for split in SPLITS:
        for seed in range(20):
            inbox = FAMILIES["messages"].world(SplitRng(split, seed)).inbox
            assert {split_of(word) for message in inbox for word in message.plain.split()} == {split}
            world = FAMILIES["sequences"].world(SplitRng(split, seed))
            assert {split_of(world.strands[name]) for name in world.whole} == {split}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_sandbox_gets_tools_and_program_and_no_answer(family):
    spy = Spy()
    env = envs.make("sparring/ToolTasks-v0", family=family, sandbox=spy)
    for seed in range(10):
        spy.seen.clear()
        env.reset(seed=seed)
        env.step("<execute>print(1)</execute>")
        code, tools, program, *host = spy.seen
        assert program == "print(1)"
        assert tools == env._task.tools
        assert host == (["_browse"] if family == "web" else [])
        assert "gold" not in code + tools
        assert env._task.program not in code + tools


def test_the_plain_text_of_a_message_is_nowhere_in_the_sandbox():
    for seed in range(30):
        task = make_task("messages", "train", seed, "what_it_says")
        assert task.gold not in task.tools


def test_nothing_observed_depends_on_the_gold():
    env = envs.make("sparring/ToolTasks-v0", family="apis", sandbox=Spy())
    env.reset(seed=0)
    right = env.step(f"<answer>{env._task.gold!r}</answer>")
    env.reset(seed=0)
    assert env.step("<answer>no</answer>")[0] == right[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_statement_documents_every_tool(family):
    task = make_task(family, "train", 0)
    text = statement(task)
    assert task.question in text
    assert task.form in text
    for name in re.findall(r"^def ([a-z]\w*)", task.tools, re.MULTILINE):
        assert re.search(rf"^{name}\(.*\n    \S", text, re.MULTILINE), name


def test_documentation_shows_signatures_and_leaves_out_private_functions():
    source = 'def _hidden(): pass\ndef add(a: int, b: int = 1) -> int:\n    """Adds\n    two."""\n    return a + b\n'
    assert documentation(source) == "add(a: int, b: int = 1) -> int\n    Adds two."


def test_the_browser_scrolls_opens_and_goes_back():
    shop = draw_shop(SplitRng("train", 1))
    browser = Browser(shop.pages)
    home = browser.browse("view")
    assert home.startswith(f"Welcome to {shop.name}")
    assert len(home.splitlines()) == LINES_PER_VIEW + 1
    further = browser.browse("down")
    assert further != home
    assert browser.browse("down") == further
    assert browser.browse("up") == home
    address = re.search(r"\]\((.*)\)", home)[1]
    assert browser.browse("open", address) != home
    assert browser.browse("back") == home


@pytest.mark.parametrize(
    ("command", "address"), [("open", "/nowhere"), ("open", None), ("open", ["/"]), ("back", None), (7, None), ("", "")]
)
def test_the_browser_refuses_what_a_person_could_not_do(command, address):
    with pytest.raises(ValueError, match=r"browser knows|no such page|no page before"):
        Browser(draw_shop(SplitRng("train", 1)).pages).browse(command, address)


def test_a_browser_starts_anew_for_every_program(sandbox):
    env = envs.make("sparring/ToolTasks-v0", family="web", sandbox=sandbox)
    env.reset(seed=0)
    first, *_ = env.step("<execute>print(view()); scroll_down()</execute>")
    again, *_ = env.step("<execute>print(view())</execute>")
    assert first.replace("Turns left: 9", "Turns left: 8") == again
    seen, *_ = env.step("<execute>open_page('/nowhere')</execute>")
    assert "RuntimeError: there is no such page" in seen


def test_a_mistaken_call_of_a_tool_says_what_is_known(sandbox):
    env = envs.make("sparring/ToolTasks-v0", family="trade", sandbox=sandbox)
    env.reset(seed=0)
    seen, *_ = env.step("<execute>convert(1, 'DOLLAR', 'EURO')</execute>")
    assert "ValueError: no currency 'DOLLAR'; there are [" in seen


def test_a_draw_of_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split must be 'train' or 'held_out', got 'test'"):
        SplitRng("test", 0)


def test_items_are_listed_as_in_a_sentence():
    assert [listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])] == ["a", "a and b", "a, b and c"]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("family", FAMILIES)
def test_no_constant_answer_is_right_in_more_than_two_tasks_of_a_hundred(family, split):
    tasks = [make_task(family, split, seed) for seed in range(600)]
    often = [answer for answer, _ in Counter(repr(task.gold) for task in tasks).most_common(20)]
    for answer in ("True", "False", "0", "1", *often):
        assert sum(matches(answer, task.gold, absolute=task.absolute) for task in tasks) / len(tasks) <= 0.02, answer
