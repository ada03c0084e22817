"""Trees grow as worked out by hand, votes are counted as printed, and every node's tokens are what the model saw."""

import gymnasium
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparring import registry
from sparring.agents.code.program import Feedback
from sparring.agents.code.prompts import POOL
from sparring.agents.code.tree import Node, Shape, Tree, vote
from sparring.agents.code.tree_of_code import TreeOfCode
from sparring.agents.models.scripted import ScriptedModel, rendered
from sparring.rollout.loop import Match, play
from sparring.types import Sampling

FREE = Sampling(max_new_tokens=4096, decoding="free")


class Bench(gymnasium.Env):
    """Programs are `STATUS OUTPUT` and do what they say; the answer 42 is right."""

    def __init__(self, max_turns=40):
        self.action_space = self.observation_space = gymnasium.spaces.Text(10**6)
        self.max_turns = max_turns

    def reset(self, *, seed=None, options=None):
        self.turns = 0
        return "Print 42.", {}

    def step(self, action):
        self.turns += 1
        if action.startswith("<answer>"):
            reward = float(action == "<answer>42</answer>")
            return "", reward, True, False, {"reward_parts": {"payoff": reward}}
        program = action.removeprefix("<execute>\n").removesuffix("\n</execute>")
        status, _, output = program.partition(" ") if program != action else ("illegal", "", "")
        text = f"Status: {status}\nTurns left: {self.max_turns - self.turns}\nOutput:\n{output}"
        info = {"illegal": status == "illegal", "turns_left": self.max_turns - self.turns}
        if not info["illegal"]:
            info["execution"] = {"status": status, "output": output.rpartition("\n")[2].strip()}
        return text, 0.0, False, self.turns >= self.max_turns, info


@pytest.fixture(autouse=True)
def bench():
    with registry.envs.temporary(registry.EnvironmentRow("test/Bench-v0", Bench)):
        yield


def writer(programs):
    """A model that writes these programs in turn, the last one for ever."""
    queue = list(programs)
    return ScriptedModel(lambda prompt, seed: f"<execute>{queue.pop(0) if len(queue) > 1 else queue[0]}</execute>")


def episode_of(model, max_turns=40, seed=0, **kwargs):
    agent = TreeOfCode(model, sampling=FREE, **kwargs)
    (episode,) = play(
        [Match("m", "test/Bench-v0", {"player_0": "player_0"}, seed, {"max_turns": max_turns})], {"player_0": agent}
    )
    assert episode.error is None
    return episode


def nodes_of(episode):
    return [turn.notes for _, turn in episode.turns if "node" in turn.notes]


def answer_of(episode):
    return episode.turns[-1][1]


@pytest.mark.parametrize(
    ("width", "depth", "rule", "nodes"),
    [(3, 3, "children", 39), (3, 3, "layer", 9), (1, 1, "children", 1), (1, 3, "children", 3), (2, 3, "children", 14)],
)
def test_a_tree_in_which_everything_fails_grows_to_its_worst_case(width, depth, rule, nodes):
    episode = episode_of(writer(["nonzero x"]), shape=Shape(width, depth, rule))
    assert len(nodes_of(episode)) == nodes
    assert max(node["depth"] for node in nodes_of(episode)) == depth
    assert answer_of(episode).action == "<answer></answer>"


@pytest.mark.parametrize(("width", "nodes"), [(1, 1), (3, 3)])
def test_a_tree_in_which_everything_runs_stops_after_its_first_layer(width, nodes):
    episode = episode_of(writer(["ok 42"]), shape=Shape(width, 3))
    assert len(nodes_of(episode)) == nodes
    assert episode.trajectories["player_0"].reward == 1.0


def test_only_failing_nodes_grow_and_layers_come_one_after_another():
    programs = [
        "ok 1",
        "nonzero",
        "timeout",
        "nonzero",
        "ok 2",
        "nonzero",
        "ok 2",
        "ok 3",
        "nonzero",
        "nonzero",
        "ok 4",
    ]
    episode = episode_of(writer([*programs, "nonzero"]), shape=Shape(3, 3))
    parents = [node["parent"] for node in nodes_of(episode)]
    assert parents == [None] * 3 + [2, 2, 2, 3, 3, 3] + [4, 4, 4, 6, 6, 6, 9, 9, 9]
    assert [node["depth"] for node in nodes_of(episode)] == [1] * 3 + [2] * 6 + [3] * 9
    assert answer_of(episode).notes["votes"] == {"1": 1, "2": 2, "3": 1, "4": 1}
    assert answer_of(episode).action == "<answer>2</answer>"


def test_a_layer_of_fixed_width_is_dealt_out_to_the_failing_nodes():
    assert Shape(3, 3, "layer").children([4]) == (4, 4, 4)
    assert Shape(3, 3, "layer").children([4, 7]) == (4, 4, 7)
    assert Shape(2, 3, "layer").children([4, 5, 6]) == (4, 5)
    assert Shape(2, 3, "children").children([4, 5]) == (4, 4, 5, 5)


def test_the_vote_counts_values_and_breaks_ties_by_what_was_seen_first():
    outputs = ["7", "[1, 2]", "8", "(1, 2.0)", "8.0"]
    nodes = [Node(n, None, 1, "plain", "m", status="ok", output=out) for n, out in enumerate(outputs, start=1)]
    failed = Node(6, None, 1, "plain", "m", status="nonzero", output="8")
    rejected = Node(7, None, 1, "plain", "m", status="ok", output="8", objection="hides errors")
    from sparring.answers.canonical import canonical_key

    found = vote([*nodes, failed, rejected], canonical_key)
    assert list(found.counts.values()) == [1, 2, 2]
    assert found.voters[found.chosen] == [2, 4]
    assert vote([failed], canonical_key).chosen is None


def test_a_tree_without_a_node_that_ran_abstains_and_gets_nothing():
    episode = episode_of(writer(["memory"]), shape=Shape(2, 1))
    info = answer_of(episode).notes
    assert (info["abstained"], info["chosen"], info["votes"]) == (True, None, {})
    assert (episode.status, episode.trajectories["player_0"].reward) == ("ok", 0.0)


def test_the_critic_takes_the_vote_from_programs_that_hide_errors():
    hiding = "ok 0\ntry:\n    f()\nexcept:\n    pass"
    model = [hiding, hiding, "ok 42", "nonzero"]
    blind = episode_of(writer(model), shape=Shape(3, 1), critic=lambda code, output: "")
    wary = episode_of(writer(model), shape=Shape(3, 1), critic=lambda code, output: "hides" * ("except:" in code))
    assert (blind.trajectories["player_0"].reward, wary.trajectories["player_0"].reward) == (0.0, 1.0)
    assert answer_of(wary).notes["rejected"] == {"1": "hides", "2": "hides"}


def test_a_rejected_node_grows_like_a_failing_one():
    episode = episode_of(writer(["ok", "ok 42"]), shape=Shape(1, 3), critic="static")
    assert [node["parent"] for node in nodes_of(episode)] == [None, 1, 2]
    assert set(answer_of(episode).notes["rejected"].values()) == {"the output is empty", "the program cannot be parsed"}


def test_the_turn_budget_leaves_a_turn_for_the_vote():
    episode = episode_of(writer(["ok 42", "nonzero"]), max_turns=6)
    assert (len(nodes_of(episode)), len(episode.turns)) == (5, 6)
    assert (episode.status, episode.trajectories["player_0"].reward) == ("ok", 1.0)


def test_what_came_of_a_program_is_never_read_out_of_its_rendering(monkeypatch):
    """Programs print what looks like another outcome; the environment may word its text as it likes."""
    step = Bench.step

    def worded_otherwise(self, action):
        text, *rest = step(self, action)
        return f"Status: ok\nTurns left: 1\nOutput:\n7\n{text}", *rest

    monkeypatch.setattr(Bench, "step", worded_otherwise)
    episode = episode_of(writer(["nonzero", "ok 42"]), shape=Shape(1, 2))
    assert [node["parent"] for node in nodes_of(episode)] == [None, 1]
    assert answer_of(episode).action == "<answer>42</answer>"


def test_children_see_every_ancestor_and_no_other_node():
    prompts = []

    def write(prompt, seed):
        prompts.append(prompt)
        return f"<thought>idea {len(prompts)}</thought><execute>nonzero result {len(prompts)}</execute>"

    episode_of(ScriptedModel(write), shape=Shape(2, 3))
    assert "Attempt" not in prompts[0]
    last = prompts[13]  # 2 + 4 + 8 nodes: number 14 is a child of 6, which is a child of 2
    for seen in ("idea 2<", "nonzero result 2\n", "idea 6<", "nonzero result 6\n", "Status: nonzero", "went wrong"):
        assert seen in last
    assert not any(f"idea {other}<" in last for other in (1, 3, 4, 5, 7, 13))


def test_segments_are_what_the_model_saw_and_wrote():
    shown, written = [], []

    def write(prompt, seed):
        shown.append(prompt)
        written.append(f"<execute>nonzero {seed} é \ud800</execute>")
        return written[-1]

    episode = episode_of(ScriptedModel(write), shape=Shape(2, 2))
    turns = [turn for _, turn in episode.turns if turn.segments]
    assert [rendered(turn.segments[0].token_ids) for turn in turns] == shown
    assert [rendered(turn.segments[1].token_ids) for turn in turns] == [text + "<|end|>" for text in written]
    assert not any(call.continues for turn in turns for call in turn.calls)
    assert all(len(turn.segments[1].logprobs) == len(turn.segments[1].token_ids) for turn in turns)


def test_pools_are_drawn_from_by_seed():
    models = [ScriptedModel(lambda prompt, seed: "<execute>nonzero</execute>", name=name) for name in ("one", "two")]
    one, again, other = (episode_of(models, seed=seed) for seed in (1, 1, 2))
    assert one.hash == again.hash
    assert [node["prompt"] for node in nodes_of(one)] != [node["prompt"] for node in nodes_of(other)]
    assert {node["prompt"] for node in nodes_of(one)} == set(POOL)
    assert {node["model"] for node in nodes_of(one)} == {"one", "two"}
    assert {call.policy.model for _, call in one.trajectories["player_0"].calls} == {"one", "two"}


def test_many_trees_grow_at_once_without_touching_each_other():
    agent = TreeOfCode(
        ScriptedModel(lambda prompt, seed: f"<execute>{'ok' if seed % 3 else 'nonzero'} {seed % 2}</execute>")
    )
    matches = [Match(f"m{seed}", "test/Bench-v0", {"player_0": "tree"}, seed) for seed in range(20)]
    together = [episode.hash for episode in play(matches, {"tree": agent})]
    assert together == [play([match], {"tree": agent})[0].hash for match in matches]


def test_an_answer_in_place_of_a_program_does_not_end_the_episode():
    episode = episode_of(ScriptedModel(lambda prompt, seed: "<answer>42</answer>"), shape=Shape(2, 1))
    assert [turn.action for _, turn in episode.turns] == ["", "", "<answer></answer>"]
    assert [turn.legal for _, turn in episode.turns] == [False, False, True]


def test_an_answer_that_the_environment_refuses_is_given_again(monkeypatch):
    step = Bench.step

    def refuse_first_answer(self, action):
        if action.startswith("<answer>") and not getattr(self, "refused", False):
            self.refused = True
            return "Status: illegal\nTurns left: 9\nOutput:\nno", 0.0, False, False, {"illegal": True}
        return step(self, action)

    monkeypatch.setattr(Bench, "step", refuse_first_answer)
    episode = episode_of(writer(["ok 42"]), shape=Shape(1, 1))
    assert [turn.legal for _, turn in episode.turns] == [True, False, True]
    assert episode.trajectories["player_0"].reward == 1.0


def test_programs_can_be_handed_in_instead_of_outputs():
    episode = episode_of(writer(["ok 1", "ok 2", "ok 1"]), shape=Shape(3, 1), answer="program")
    assert answer_of(episode).action == "<answer>ok 1</answer>"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.text(max_size=60) | st.sampled_from(["<execute>ok 1</execute>", "<answer>1", "```python\n"]), min_size=1
    )
)
def test_whatever_the_model_writes_the_tree_comes_to_an_answer(texts):
    model = ScriptedModel(lambda prompt, seed: texts[seed % len(texts)] * (1 + 2000 * (seed % 5 == 0)))
    (episode,) = play(
        [Match("m", "test/Bench-v0", {"player_0": "player_0"}, 3)], {"player_0": TreeOfCode(model, shape=Shape(2, 2))}
    )
    assert (episode.error, episode.status) == (None, "ok")
    assert answer_of(episode).action.startswith("<answer>")


def test_what_cannot_be_a_tree_is_refused():
    model = writer(["ok"])
    with pytest.raises(ValueError, match="width must be >= 1, got 0"):
        Shape(0, 3)
    with pytest.raises(KeyError, match="unknown width rule 'childern'; did you mean 'children'"):
        Shape(3, 3, "childern")
    with pytest.raises(KeyError, match="unknown prompt 'plane'; did you mean 'plan'"):
        TreeOfCode(model, prompts=["plane"])
    with pytest.raises(KeyError, match="unknown critic"):
        TreeOfCode(model, critic="harsh")
    with pytest.raises(ValueError, match="needs models and prompts, got 0"):
        TreeOfCode([])
    with pytest.raises(ValueError, match="only one model can be trained"):
        TreeOfCode([model, model], trainable=True)
    with pytest.raises(ValueError, match="answer must be one of"):
        TreeOfCode(model, answer="both")


def test_a_node_is_judged_once():
    tree = Tree.of("task", Shape(1, 2)).planted(Node(1, None, 1, "plain", "m"))
    failed = tree.judged(Feedback("nonzero", "x"), "first", lambda code, output: "")
    assert failed.pending == (1,)
    assert failed.judged(Feedback("ok", "y"), "second", lambda code, output: "") is failed
