"""Search-v0: what an action costs and pays, when an episode ends, what is never shown, and whose fault is whose."""

import json
import math
import shutil
import threading
from collections import OrderedDict
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env as gymnasium_check_env

from sparring import envs, registry
from sparring.agents.scripted import ScriptedAgent
from sparring.answers.search_actions import REMINDER, STYLES, written
from sparring.cli.app import main
from sparring.envs.conformance import check_env
from sparring.envs.retrieval import sources
from sparring.envs.retrieval.index import build_index
from sparring.envs.retrieval.search import Search
from sparring.envs.retrieval.settings import hops_in_words, hops_of
from sparring.envs.retrieval.sources import retriever_of, world_of
from sparring.envs.retrieval.types import Hit, Passage, Question, RetrieverFailed
from sparring.envs.retrieval.wire.documents import document_of
from sparring.rollout.loop import Match, play
from sparring.scoreboard.verify import verify
from sparring.store.store import Store
from sparring.types import Reply

ENV = "sparring/Search-v0"
TARN = Passage("p1", "Tarn", "Tarn is the capital of Ostrel.")
OSTREL = Passage("p2", "Ostrel", "Ostrel pays with the mira.")
LUNDE = Passage("p3", "Lunde", "Lunde pays with the mira.")


class NeedsBoth:
    strength = "supports"

    def holds(self, passages):
        return {"p1", "p2"} <= {passage.id for passage in passages}


class Small:
    """Three passages; even numbers ask what they answer in two steps, odd ones what they do not."""

    name = "small"
    passages = (TARN, OSTREL, LUNDE)

    def question(self, split, number):
        asked = "With what does the country whose capital is Tarn pay?"
        if number % 2:
            return Question(f"q{number}", "Who rules Tarn?", (), "unanswerable", 1, NeedsBoth())
        queries = ("Tarn capital of", "Ostrel pays with")
        return Question(
            f"q{number}", asked, ("mira", "the Ostrel mira"), "chain", 2, NeedsBoth(), ("p1", "p2"), queries
        )


class ByTitle:
    """Finds the passages whose titles stand in the query."""

    fingerprint = "by title"

    def search(self, queries, k):
        return [[Hit(one, 1.0) for one in Small.passages if one.title in query][:k] for query in queries]


def small(style="tags", **options):
    return envs.make(ENV, world=Small(), retriever=options.pop("retriever", ByTitle()), style=style, **options)


def played(env, *actions, seed=0):
    env.reset(seed=seed)
    return [env.step(action) for action in actions]


SEARCH_1, SEARCH_2 = "<search>Tarn</search>", "<search>Ostrel</search>"
RIGHT, WRONG, GIVE_UP = "<answer>mira</answer>", "<answer>dollar</answer>", "<give_up/>"


@pytest.mark.parametrize("style", STYLES)
def test_the_environment_conforms_in_every_style(style):
    check_env(ENV, style=style)
    check_env(ENV, style=style, max_rounds=1, token_cost=0.01, drop_seen=True, kinds="chain+unanswerable", hops="1-2")


def test_the_check_of_gymnasium_passes():
    gymnasium_check_env(gymnasium.make(f"sparring.envs:{ENV}").unwrapped)


@pytest.mark.parametrize(
    ("seed", "actions", "parts"),
    [
        (0, [SEARCH_1, SEARCH_2, RIGHT], [{"rounds": -0.05}, {"rounds": -0.05}, {"correct": 1.0}]),
        (0, [RIGHT], [{"correct": 1.0}]),
        (0, [WRONG], [{"correct": 0.0}]),
        (0, [GIVE_UP], [{"correct": 0.0}]),
        (1, [SEARCH_1, GIVE_UP], [{"rounds": -0.05}, {"correct": 1.0}]),
        (1, [RIGHT], [{"correct": 0.0}]),
        (0, ["what?", RIGHT], [{"rounds": -0.05}, {"correct": 1.0}]),
        (0, ["<answer>The Mira!</answer>"], [{"correct": 1.0}]),
        (0, ["<answer>It is the mira</answer>"], [{"correct": 0.0}]),
    ],
)
def test_each_action_pays_what_the_table_says(seed, actions, parts):
    steps = played(small(), *actions, seed=seed)
    assert [info.get("reward_parts") for *_, info in steps] == parts
    assert [reward for _, reward, *_ in steps] == [sum(one.values()) for one in parts]
    assert steps[-1][2:4] == (True, False)


def test_tokens_are_words_of_shown_passages_and_of_actions():
    steps = played(small(token_cost=0.01), SEARCH_1, RIGHT)
    assert steps[0][4]["reward_parts"] == {"rounds": -0.05, "tokens": -0.01 * (1 + 1 + 6)}  # action, title, text
    assert steps[1][4]["reward_parts"] == {"correct": 1.0, "tokens": -0.01}
    assert steps[1][4]["metrics"]["tokens"] == 9


@pytest.mark.parametrize(
    ("seed", "actions", "expected"),
    [
        (0, [SEARCH_1, SEARCH_2, RIGHT], {"sufficient": 1, "correct": 1}),
        (0, [SEARCH_1, SEARCH_2, SEARCH_2, SEARCH_1, RIGHT], {"sufficient": 1, "correct": 1, "over_search": 2}),
        (0, [SEARCH_1, RIGHT], {"correct": 1, "premature_stop": 1, "lucky_guess": 1}),
        (0, [SEARCH_1, WRONG], {"premature_stop": 1}),
        (0, [SEARCH_1, SEARCH_2, WRONG], {"sufficient": 1, "misread": 1}),
        (1, [SEARCH_1, SEARCH_2, GIVE_UP], {"correct": 1}),
        (0, [SEARCH_1, GIVE_UP], {"premature_stop": 1}),
        (0, [SEARCH_1, SEARCH_2, GIVE_UP], {"sufficient": 1, "misread": 1}),
        (0, [SEARCH_1] * 5 + [WRONG], {}),  # it used all its rounds: bad luck, no premature stop
        (1, [RIGHT], {}),
    ],
)
def test_the_four_ways_to_go_wrong_are_told_apart(seed, actions, expected):
    metrics = played(small(), *actions, seed=seed)[-1][4]["metrics"]
    names = ("sufficient", "correct", "over_search", "premature_stop", "lucky_guess", "misread")
    assert {name: metrics[name] for name in names} == {name: expected.get(name, 0) for name in names}


def test_em_contains_and_f1_stand_beside_each_other():
    metrics = played(small(), "<answer>It is the mira</answer>")[-1][4]["metrics"]
    assert (metrics["em"], metrics["contains"]) == (0, 1)
    assert metrics["f1"] == pytest.approx(0.5)


def test_whether_the_passages_suffice_is_recorded_every_round_and_never_seen():
    match = Match("walk", ENV, {"player_0": "walkthrough"}, 3, {"hops": 3, "kinds": "chain"})
    (episode,) = play([match])
    turns = episode.trajectories["player_0"].turns
    assert [turn.hidden["sufficient"] for turn in turns] == [False, False, False, True]
    assert [turn.hidden["supports_found"] for turn in turns] == [0, 1, 2, 3]
    assert all("hidden" not in turn.observation.info for turn in turns)
    answer = turns[0].hidden["answers"][0]
    assert answer not in turns[0].observation.text + str(turns[0].observation.info)
    assert len(turns[1].hidden["proves"]) == len(turns[1].observation.info["passages"]) > 0


def test_after_the_last_round_an_answer_is_still_taken_and_a_search_is_not():
    *_, last = played(small(max_rounds=1), SEARCH_1, RIGHT)
    assert last[1:4] == (1.0, True, False)
    *_, last = played(small(max_rounds=1), SEARCH_1, SEARCH_2)
    assert last[1:4] == (0.0, False, True)
    assert last[4]["metrics"]["correct"] == 0
    assert last[4]["metrics"]["rounds"] == 1


def test_malformed_actions_cost_their_rounds_and_then_the_episode():
    steps = played(small(max_rounds=2), "", "\x00", "<search>")
    assert [step[4]["illegal"] for step in steps] == [True] * 3
    assert [step[1:4] for step in steps] == [(-0.05, False, False), (-0.05, False, False), (0.0, False, True)]
    assert all(step[0].startswith(REMINDER["tags"]) for step in steps)


def test_the_budget_of_tokens_truncates():
    steps = played(small(max_tokens=10), SEARCH_1, SEARCH_2)
    assert [step[2:4] for step in steps] == [(False, False), (False, True)]
    assert steps[-1][4]["metrics"]["correct"] == 0


def test_after_the_end_nothing_is_paid():
    env = small()
    played(env, RIGHT)
    assert env.step(RIGHT)[1:4] == (0.0, True, False)


def test_a_passage_that_was_shown_is_left_out_where_seen_ones_are_dropped():
    query = "<search>Tarn Ostrel Lunde</search>"
    shown = [[one["id"] for one in step[4]["passages"]] for step in played(small(k=1, drop_seen=True), *[query] * 4)]
    assert shown == [["p1"], ["p2"], ["p3"], []]
    shown = [[one["id"] for one in step[4]["passages"]] for step in played(small(k=1), *[query] * 2)]
    assert shown == [["p1"], ["p1"]]


def test_dropped_passages_are_those_of_this_very_episode():
    """SIM-RAG's release shifts its lists when a question is accepted, and drops what another question has seen."""
    first, second = small(k=1, drop_seen=True), small(k=1, drop_seen=True)
    first.reset(seed=0)
    second.reset(seed=0)
    first.step(SEARCH_1)
    assert [one["id"] for one in second.step(SEARCH_1)[4]["passages"]] == ["p1"]
    first.reset(seed=2)
    assert [one["id"] for one in first.step(SEARCH_1)[4]["passages"]] == ["p1"]


def test_questions_are_of_the_wanted_kinds_and_hops():
    env = envs.make(ENV, kinds="chain+comparison", hops="2-3")
    found = [env.question(seed) for seed in range(40)]
    assert {question.kind for question in found} == {"chain", "comparison"}
    assert {question.hops for question in found} <= {2, 3}
    with pytest.raises(ValueError, match="small has no question of the kinds comparison with any hops"):
        small(kinds="comparison").reset(seed=0)


def test_no_question_of_one_split_is_asked_in_the_other():
    train, held_out = (envs.make(ENV, split=split) for split in ("train", "held_out"))
    assert not {train.question(n).text for n in range(200)} & {held_out.question(n).text for n in range(200)}


@pytest.mark.parametrize("style", STYLES)
def test_the_walkthrough_wins(style):
    for seed in range(30):
        env = envs.make(ENV, style=style)
        *_, (_, _, terminated, _, info) = played(env, *env.walkthrough(seed), seed=seed)
        assert terminated
        assert info["metrics"]["correct"] == 1
        assert info["metrics"]["sufficient"] == info["metrics"]["answerable"]


def test_one_process_has_each_world_and_its_index_once():
    first, second = envs.make(ENV), envs.make(ENV)
    assert first.world is second.world
    assert first.retriever is second.retriever
    assert world_of("fiction+size=600").name == world_of("fiction:size=600").name
    assert retriever_of(None, first.world) is not retriever_of(None, world_of("fiction:size=600"))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"world": "fictoin"}, "fiction"),
        ({"split": "test"}, "split must be 'train' or 'held_out', got 'test'"),
        ({"style": "xml"}, "style must be one of 'tags', 'tool_call', 'json', got 'xml'"),
        ({"k": 0}, "k must be a whole number >= 1, got 0"),
        ({"k": 2.5}, "k must be a whole number >= 1, got 2.5"),
        ({"max_rounds": 0}, "max_rounds must be a whole number >= 1, got 0"),
        ({"max_tokens": 0}, "max_tokens must be a whole number >= 1, got 0"),
        ({"round_cost": -0.1}, "round_cost must be a number >= 0, got -0.1"),
        ({"token_cost": math.nan}, "token_cost must be a number >= 0, got nan"),
        ({"kinds": "chains"}, "kinds must be some of chain, .* joined by '\\+', got 'chains'"),
        ({"hops": 0}, "hops must be a whole number >= 1 or a range such as '2-4', got 0"),
        ({"hops": "4-2"}, "got '4-2'"),
        ({"hops": "two"}, "got 'two'"),
    ],
)
def test_options_out_of_range_name_rule_and_value(option, message):
    with pytest.raises((ValueError, registry.UnknownName), match=message):
        envs.make(ENV, **option)


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "<search>" + "a " * 9_000 + "</search>", "<search>\u4e0b the</search>"]
)
def test_an_enormous_or_empty_query_is_an_ordinary_round(text):
    env = envs.make(ENV)
    (step,) = played(env, text)
    assert step[1] == -0.05
    assert step[2:4] == (False, False)


# Faults of the retriever.


class Broken:
    """Works for the first search, then does what it was told to do."""

    fingerprint = "broken"

    def __init__(self, answer):
        self.answer, self.searches = answer, 0

    def search(self, queries, k):
        self.searches += 1
        if self.searches == 1:
            return ByTitle().search(queries, k)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


FAULTS = [
    RetrieverFailed("no answer in 5 s"),
    ConnectionResetError("gone"),
    TimeoutError("slow"),
    [],
    None,
    [[]] * 2,
    ["x"],
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_fault_of_the_retriever_is_one_of_the_environment_and_no_reward(fault):
    def build(**options):
        return Search(world=Small(), retriever=Broken(fault), **options)

    with registry.envs.temporary(registry.EnvironmentRow("test/Search-v0", build, family="retrieval")):
        (episode,) = play([Match("m", "test/Search-v0", {"player_0": "walkthrough"}, 0)])
    assert episode.status == "env_error"
    assert episode.error
    assert not episode.sound
    trajectory = episode.trajectories["player_0"]
    assert len(trajectory.turns) == 1
    assert "correct" not in trajectory.reward_parts
    assert trajectory.metrics == {}


def test_verify_says_in_one_line_that_another_index_answers(tmp_path):
    used = {"fingerprint": "a" * 64}

    class Named(ByTitle):
        @property
        def fingerprint(self):
            return used["fingerprint"]

    class LongNamed(Small):
        name = "a world with a name that is so long that nothing which comes behind it is shown " * 2

    def build(**options):
        return Search(world=LongNamed(), retriever=Named(), **options)

    with registry.envs.temporary(registry.EnvironmentRow("test/Search-v0", build, family="retrieval")):
        with Store(tmp_path, "a") as store:
            store.append(play([Match("m", "test/Search-v0", {"player_0": "walkthrough"}, 0)]))
        with Store(tmp_path) as store:
            assert verify(store).ok
            used["fingerprint"] = "b" * 64
            (fault,) = verify(store).faults
    assert "the index of the world 'a world with" in str(fault)
    assert "is another one" in str(fault)
    assert fault.compared
    assert "a" * 12 in str(fault)
    assert "b" * 12 in str(fault)
    assert "\n" not in str(fault)


@pytest.mark.parametrize("style", STYLES)
def test_recorded_episodes_come_out_the_same_again(tmp_path, style):
    matches = [
        Match(f"{agent}{seed}", ENV, {"player_0": agent}, seed, {"style": style, "split": "held_out"})
        for agent in ("walkthrough", "random")
        for seed in range(4)
    ]
    with Store(tmp_path, "a") as store:
        store.append(play(matches))
    with Store(tmp_path) as store:
        assert verify(store).ok


def test_every_listed_action_is_one_that_a_person_could_write():
    env = small()
    _, info = env.reset(seed=0)
    assert info["suggested_actions"] == [written("tags", "search", env.question(0).text), "<give_up/>"]


def test_an_index_on_disk_answers_as_the_one_in_memory_and_verify_knows_it_from_another(tmp_path):
    world, folder = world_of("fiction:size=600"), tmp_path / "index"
    build_index(world.passages, folder)
    options = {"world": "fiction:size=600", "retriever": str(folder)}
    match = Match("m", ENV, {"player_0": "walkthrough"}, 1, options)
    (episode,) = play([match])
    (in_memory,) = play([Match("m", ENV, {"player_0": "walkthrough"}, 1, {"world": "fiction:size=600"})])
    texts = [[turn.observation.text for turn in one.trajectories["player_0"].turns] for one in (episode, in_memory)]
    assert texts[0] == texts[1]
    with Store(tmp_path / "store", "a") as store:
        store.append([episode])
        assert verify(store).ok
        shutil.rmtree(folder)
        build_index(world.passages, folder, k1=2.0)
        (fault,) = verify(store).faults
        assert f"turn 0: the index of the retriever {str(folder)!r} is another one than the one that was" in str(fault)
        shutil.rmtree(folder)
        build_index(world.passages[:-1], folder)
        (fault,) = verify(store).faults
    assert "is an index of another corpus than the world 'fiction:size=600'" in str(fault)


def test_a_folder_without_an_index_is_named(tmp_path):
    with pytest.raises((ValueError, OSError), match=str(tmp_path)):
        envs.make(ENV, retriever=str(tmp_path))


class Server:
    """Speaks the wire of Search-R1 over a retriever, until it is told to answer something else."""

    def __init__(self, retriever):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.reply(404, b"")

            def do_POST(self):
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                found = retriever.search(asked["queries"], asked["topk"])
                rows = [[{"document": document_of(hit.passage), "score": hit.score} for hit in hits] for hits in found]
                self.reply(*(server.says or (200, json.dumps({"result": rows}).encode())))

            def reply(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.says = None
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()


@pytest.fixture
def server():
    running = Server(retriever_of(None, world_of("fiction:size=600")))
    yield running
    running.stop()


def remote(server):
    return envs.make(ENV, world="fiction:size=600", retriever=server.url)


def test_a_server_of_the_wire_answers_as_the_index_in_memory_and_is_called_unpinned(server):
    local = envs.make(ENV, world="fiction:size=600")
    _, info = remote(server).reset(seed=3)
    assert info["index"].startswith("unpinned")
    there, here = (played(env, *env.walkthrough(3), seed=3) for env in (remote(server), local))
    assert [step[0] for step in there] == [step[0] for step in here]
    assert there[-1][4]["metrics"]["sufficient"] == here[-1][4]["metrics"]["sufficient"] == 1


@pytest.mark.parametrize("says", [(200, b"<html>"), (200, b'{"result": []}'), (500, b""), "stop"], ids=str)
def test_a_server_that_answers_garbage_or_dies_in_mid_episode_breaks_the_episode_off(server, says):
    class Breaks(ScriptedAgent):
        async def act(self, observation):
            if observation.turn == 1:
                server.stop() if says == "stop" else setattr(server, "says", says)
            return Reply("<search>area</search>" if observation.turn == 0 else "<search>city</search>")

    options = {"world": "fiction:size=600", "retriever": server.url}
    (episode,) = play([Match("m", ENV, {"player_0": "breaks"}, 0, options)], {"breaks": Breaks("breaks")})
    assert episode.status == "env_error"
    assert server.url in episode.error
    assert "\n" not in episode.error
    assert episode.trajectories["player_0"].reward == -0.05  # the first round, which was played
    assert episode.trajectories["player_0"].metrics == {}


@pytest.mark.parametrize("known", [True, False], ids=["known before it went", "never reached"])
def test_verify_says_that_episodes_of_a_server_that_is_gone_were_not_compared_and_plays_the_others(
    server, known, tmp_path, capsys, monkeypatch
):
    options = {"world": "fiction:size=600"}
    matches = [Match(f"m{n}", ENV, {"player_0": "walkthrough"}, n, options) for n in range(2)]
    matches += [replace(match, id=f"s{match.id}", env_kwargs={**options, "retriever": server.url}) for match in matches]
    with Store(tmp_path, "a") as store:
        store.append(play(matches))
    server.stop()
    if not known:
        monkeypatch.setattr(sources, "_kept", OrderedDict())
    with Store(tmp_path) as store:
        result = verify(store)
    assert [(fault.episode_id, fault.what, fault.compared) for fault in result.faults] == [
        ("sm0", "server", False),
        ("sm1", "server", False),
    ]
    assert all(server.url in fault.detail for fault in result.faults)
    assert (result.not_compared, result.ok) == (result.faults, False)
    assert main(["verify", str(tmp_path)]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "4 episodes" in said
    assert "2 could NOT BE COMPARED, as they cannot be played again here" in said
    assert "NOT as recorded" not in said


def test_an_episode_that_its_server_broke_off_is_as_recorded_where_the_server_is_still_gone(server, tmp_path):
    options = {"world": "fiction:size=600", "retriever": server.url}
    envs.make(ENV, **options)
    server.stop()
    (episode,) = play([Match("m", ENV, {"player_0": "walkthrough"}, 0, options)])
    assert (episode.status, episode.fault) == ("env_error", "server")
    with Store(tmp_path, "a") as store:
        store.append([episode])
        assert verify(store).faults == ()


@pytest.mark.parametrize(("hops", "said"), [(None, "any hops"), (1, "1 hop"), (2, "2 hops"), ("1-3", "1 to 3 hops")])
def test_hops_are_named_as_they_are_counted(hops, said):
    assert hops_in_words(hops_of(hops)) == said


def test_a_world_or_a_retriever_that_is_none_is_refused():
    with pytest.raises(ValueError, match="world must be a name or a World, got 3"):
        Search(world=3)
    with pytest.raises(ValueError, match="retriever must be a name, a Retriever or None, got 5"):
        Search(retriever=5)
