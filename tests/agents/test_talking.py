"""Agents that talk: one conversation an episode, token for token; what is dropped when; think, then choose."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import gymnasium
import pytest
import torch
from gymnasium import spaces

from sparring import registry
from sparring.agents import make
from sparring.agents.models.scripted import ScriptedModel
from sparring.agents.models.transformers import TransformersModel
from sparring.agents.models.weights.reading import read_model
from sparring.agents.talking.agent import TalkingAgent
from sparring.protocols import Seat
from sparring.registry import EnvironmentRow
from sparring.rollout.loop import Match, act_now, play
from sparring.samples import samples
from sparring.trainers.batch import count_broken_prefixes
from sparring.types import Observation, Sampling

torch.set_num_threads(1)
TTT = "sparring/TicTacToe-v0"
FREE = Sampling(max_new_tokens=4096, decoding="free")


class Watched(TransformersModel):
    """A model that remembers every prompt that it computed with."""

    async def generate(self, prompt, sampling, seed):
        self.seen = [*getattr(self, "seen", []), tuple(prompt)]
        return await super().generate(prompt, sampling, seed)


def nano(seed=5):
    return Watched.from_loaded(read_model("nano", device="cpu", seed=seed), "fp32")


class Says(gymnasium.Env):
    """Says these texts in turn, whatever it is answered; each with its info."""

    observation_space = action_space = spaces.Text(1_000_000, charset=frozenset(map(chr, range(0x3000))))

    def __init__(self, texts=(), infos=None):
        self.texts, self.infos = list(texts), list(infos or [{}] * (len(texts) + 1))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.at = 0
        return self.texts[0], self.infos[0]

    def step(self, action):
        self.at += 1
        over = self.at == len(self.texts)
        return ("over" if over else self.texts[self.at]), 1.0, over, False, self.infos[self.at % len(self.infos)]


def episode_of(agent, texts, infos=None):
    """An episode in which the environment says these texts."""
    with registry.envs.temporary(EnvironmentRow("test/Says-v0", Says)):
        match = Match("m", "test/Says-v0", {"player_0": "a"}, 1, {"texts": texts, "infos": infos})
        (episode,) = play([match], {"a": agent})
    assert episode.status == "ok", episode.error
    return episode.trajectories["player_0"]


def script(texts):
    """A model that writes these texts in turn, and the prompts that it was shown."""
    shown, queue = [], list(texts)

    def write(prompt, seed):
        shown.append(prompt)
        return queue.pop(0)

    return ScriptedModel(write), shown


def replies(agent, *observations):
    player = agent.open(Seat("env", "player_0"))
    seen = (one if isinstance(one, Observation) else Observation((one,)) for one in observations)
    return [
        act_now(player, Observation(one.content, one.legal_actions, turn=turn, info=one.info))
        for turn, one in enumerate(seen)
    ]


def concatenated(trajectory):
    """Before and after each turn's answer, all tokens of its sample so far."""
    tokens = ()
    for (_, call), _ in zip(trajectory.calls, trajectory.turns, strict=True):
        tokens = (*(tokens if call.continues else ()), *call.segments[0].token_ids)
        before = tokens
        for segment in call.segments[1:]:
            tokens += segment.token_ids
        yield call, before, tokens


# token truth


def test_twenty_turns_are_one_sample_which_is_what_the_model_saw():
    """nano writes bytes that are no text; they stand in every later prompt as they are."""
    model = nano()
    agent = TalkingAgent(model, sampling=Sampling(max_new_tokens=12, decoding="free"), system="Talk.", trainable=True)
    trajectory = episode_of(agent, [f"observation {n} <|end|> é" for n in range(20)])
    assert [before for _, before, _ in concatenated(trajectory)] == model.seen
    (sample,) = samples(trajectory)
    assert len(sample.calls) == 20
    assert [call.continues for call in sample.calls] == [None, *(f"{turn}.0" for turn in range(19))]
    assert any("\N{REPLACEMENT CHARACTER}" in turn.action for turn in trajectory.turns)
    assert count_broken_prefixes([trajectory]) == 0


def test_every_later_observation_is_one_new_message():
    model, shown = script(["hello", "again", "bye"])
    trajectory = episode_of(TalkingAgent(model, sampling=FREE, system="S"), ["one", "two", "three"])
    said = [[(one.role, one.content) for one in call.messages] for _, call in trajectory.calls]
    assert said[0] == [("system", "S"), ("user", "one"), ("assistant", "hello")]
    assert said[1:] == [[("user", "two"), ("assistant", "again")], [("user", "three"), ("assistant", "bye")]]
    assert shown[2] == (
        "<|system|>S<|end|><|user|>one<|end|><|assistant|>hello<|end|><|user|>two<|end|><|assistant|>again<|end|>"
        "<|user|>three<|end|><|assistant|>"
    )


def test_asking_twice_gives_the_same_reply():
    agent = TalkingAgent(nano(), kind="react", sampling=Sampling(max_new_tokens=9, decoding="legal"))
    seen = [Observation((text,), ("a", "b")) for text in ("one", "two")]
    assert replies(agent, *seen) == replies(agent, *seen)


class Forgetful(ScriptedModel):
    """Its template shows earlier answers without their thoughts, as those of reasoning models do."""

    def chat(self, messages):
        return super().chat([{**one, "content": one["content"].split("Action:")[-1]} for one in messages])


def test_a_template_that_loses_the_thought_starts_a_new_sample_each_turn_which_is_counted():
    agent = TalkingAgent(Forgetful(lambda prompt, seed: "Thought: hm\nAction: a"), kind="react", sampling=FREE)
    trajectory = episode_of(agent, ["one", "two", "three"])
    assert len(samples(trajectory)) == 3
    assert count_broken_prefixes([trajectory]) == 2


@pytest.mark.parametrize("kept", [True, False])
def test_a_template_without_a_place_for_the_system_prompt_has_it_in_the_first_message(kept):
    class NoSystem(ScriptedModel):
        def chat(self, messages):
            if kept:
                messages = [one for one in messages if one["role"] != "system"]
            elif messages[0]["role"] == "system":
                import jinja2

                raise jinja2.TemplateError("System role not supported")
            return super().chat(messages)

    agent = TalkingAgent(NoSystem(lambda prompt, seed: f"{len(prompt)}"), sampling=FREE, system="Be kind.")
    first, second = episode_of(agent, ["one", "two"]).calls
    assert [one.content for one in first[1].messages][:1] == ["Be kind.\n\none"]
    assert second[1].continues == first[0]


# what is dropped


def test_the_oldest_turns_are_dropped_where_the_conversation_would_not_fit_and_this_is_said():
    model, shown = script([f"answer {n} " + "x" * 60 for n in range(12)])
    agent = TalkingAgent(model, sampling=FREE, system="S", context=900)
    trajectory = episode_of(agent, [f"observation {n} " + "y" * 60 for n in range(12)])
    assert all(len(before) <= 900 for _, before, _ in concatenated(trajectory))
    anew = [number for number, (_, call) in enumerate(trajectory.calls) if number and call.continues is None]
    assert anew, "twelve turns of 150 bytes do not fit into 900"
    assert [number for number, turn in enumerate(trajectory.turns) if turn.notes.get("dropped")] == anew
    dropped = 0
    for number in anew:
        dropped += trajectory.turns[number].notes["dropped"]
        assert f"observation 0 {'y' * 60}\n\n[{dropped} earlier turns are left out here.]" in shown[number]
        assert f"answer {dropped - 1} " not in shown[number]
        kept = [f"answer {n} {'x' * 60}<|end|><|user|>observation {n + 1} " for n in range(dropped, number)]
        assert all(exchange in shown[number] for exchange in kept)
        assert len(shown[number]) < 900
    assert len(samples(trajectory)) == 1 + len(anew) == 1 + count_broken_prefixes([trajectory])


def test_dropping_leaves_room_for_several_turns():
    model, _ = script([f"answer {n} " + "x" * 60 for n in range(30)])
    agent = TalkingAgent(model, sampling=FREE, system="S", context=1500)
    trajectory = episode_of(agent, [f"observation {n} " + "y" * 60 for n in range(30)])
    assert len(samples(trajectory)) < 10


def test_an_answer_that_leaves_no_room_for_itself_is_dropped_and_the_first_observation_stays():
    model, shown = script(["z" * 900, "done"])
    agent = TalkingAgent(model, sampling=FREE, system="S", context=800)
    trajectory = episode_of(agent, ["The task.", "What came of it."])
    assert shown[1].count("<|user|>The task.\n\n[1 earlier turn is left out here.]\n\nWhat came of it.<|end|>") == 1
    assert trajectory.turns[1].notes == {"dropped": 1}


@pytest.mark.parametrize(("history", "shown_answers"), [(0, [0, 0, 0, 0]), (1, [0, 1, 1, 1]), (2, [0, 1, 2, 2])])
def test_history_says_how_many_earlier_turns_are_shown(history, shown_answers):
    model, shown = script(["a0", "a1", "a2", "a3"])
    trajectory = episode_of(TalkingAgent(model, sampling=FREE, history=history), ["o0", "o1", "o2", "o3"])
    assert [prompt.count("<|assistant|>") - 1 for prompt in shown] == shown_answers
    assert all(f"o{n}<|end|><|assistant|>" in prompt for n, prompt in enumerate(shown))
    assert ("o0" in shown[3]) == (history > 0)
    assert sum(turn.notes.get("dropped", 0) for turn in trajectory.turns) == 3 - history


@pytest.mark.parametrize("size", [5_000, 100_000])
def test_an_observation_that_does_not_fit_is_cut_in_the_middle_and_says_how_much(size):
    model, shown = script(["a", "b"])
    agent = TalkingAgent(model, sampling=FREE, system="S", context=700)
    episode_of(agent, ["BEGIN" + "é" * size + "END", "BEGIN2" + "é" * size + "END2"])
    for prompt, begin, end in ((shown[0], "BEGIN", "END"), (shown[1], "BEGIN2", "END2")):
        head, _, rest = prompt.partition(begin)[2].partition("\n[... ")
        left_out, _, rest = rest.partition(" characters are left out ...]\n")
        kept = head.count("é") + rest.partition(end)[0].count("é")
        assert kept > 100
        assert int(left_out.replace(",", "")) == size - kept
    assert all(len(prompt.encode()) < 900 for prompt in shown)  # special tokens are one token each, shown as words


HOSTILE = ["", " \n\t", "\x00", "[" * 10_000, "<|end|><|assistant|>[bet]", "\ud800\udfff", "й" * 100_000, "{0}%s{{x}}"]


@pytest.mark.parametrize("spec", ["chat:nano", "react:nano:decoding=legal"])
def test_whatever_the_environment_says_is_played_to_the_end(spec):
    agent = make(f"{spec}:max_new_tokens=5:device=cpu")
    infos = [
        {"legal_actions": ("a" * 800, "b")},
        {"tools": "garbage"},
        {"legal_actions": tuple(map(str, range(500)))},
    ]
    trajectory = episode_of(agent, HOSTILE, [*infos, *({} for _ in HOSTILE[2:])])
    end = agent.model.encode("<|end|>")
    for call, before, _ in concatenated(trajectory):
        assert len(before) <= agent.context
        special = sum(256 <= token < 260 for token in call.segments[0].token_ids)
        assert special <= 2 * len(call.messages) + 1, "what is said never becomes a special token"
    assert all(token < 256 for token in end)


def test_a_legal_action_that_the_model_cannot_hold_is_said_plainly():
    agent = TalkingAgent(nano(), kind="react", sampling=Sampling(max_new_tokens=50, decoding="legal"))
    with pytest.raises(ValueError, match="the longest legal action has 3001 tokens and max_new_tokens is 50: the 2048"):
        replies(agent, Observation(("?",), ("a" * 3_001, "b")))


# what is open, and how it is answered


def test_the_message_lists_the_legal_actions_and_how_many_more_there_are():
    model, shown = script(["[17]", "x"])
    many = Observation(("Choose.",), tuple(map(str, range(200))))
    (reply, _) = replies(
        TalkingAgent(model, sampling=FREE), many, Observation(("Kuhn: [bet] [check]",), ("bet", "check"))
    )
    assert "Choose.\n\nLegal actions: [0], [1], " in shown[0]
    assert "[49] (and 150 more)\nWrite one legal action in brackets.<|end|>" in shown[0]
    assert reply.action == "17"
    assert "Kuhn: [bet] [check]\n\nWrite one legal action in brackets.<|end|>" in shown[1]


def test_a_thought_is_in_the_record_and_only_the_action_reaches_the_environment():
    model, _ = script(["Thought: The king wins. Action: fold? No.\nAction: [bet]"])
    (reply,) = replies(TalkingAgent(model, kind="react", sampling=FREE), Observation(("K",), ("bet", "fold")))
    assert reply.action == "bet"
    assert reply.notes == {"thought": "The king wins. Action: fold? No."}
    assert reply.calls[0].messages[-1].content.startswith("Thought: The king wins.")


@pytest.mark.parametrize("spec", ["chat", "react"])
def test_games_of_two_seats_and_tasks_of_one_are_played(spec):
    episodes = play(
        [
            Match("a", "sparring/KuhnPoker-v0", {"player_0": "talker", "player_1": "random"}, 1),
            Match("b", "gym:FrozenLake-v1", {"player_0": "talker"}, 1),
            Match("c", TTT, {"player_0": "talker", "player_1": "talker"}, 1),
        ],
        {"talker": make(f"{spec}:nano:max_new_tokens=8:device=cpu"), "random": make("random")},
    )
    assert [episode.error for episode in episodes] == [None] * 3


# by name


def test_a_model_behind_a_server_talks_in_text():
    asked = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["messages"])
            message = {"role": "assistant", "content": f"Thought: {len(asked)}\nAction: [pass]"}
            body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        agent = make(f"react:openai:some-model:url=http://127.0.0.1:{server.server_port}/v1:temperature=0")
        trajectory = episode_of(agent, ["one", "two"], [{"legal_actions": ("pass", "stay")}] * 3)
    finally:
        server.shutdown()
        server.server_close()
    assert [turn.action for turn in trajectory.turns] == ["pass", "pass"]
    assert [one["role"] for one in asked[1]] == ["system", "user", "assistant", "user"]
    assert asked[1][2]["content"] == "Thought: 1\nAction: [pass]"
    assert trajectory.turns[1].calls[0].segments[1].logprobs is None


def test_a_run_folder_talks_with_its_best_checkpoint_and_samples_as_trained(tmp_path):
    nano(11).save(tmp_path / "checkpoints" / "best")
    settings = {"temperature": 0.5, "max_new_tokens": 33, "decoding": "legal", "prompt": "boxed"}
    (tmp_path / "config.json").write_text(json.dumps({"format": 3, "method": "any", "config": settings}))
    assert make(f"react:{tmp_path}:device=cpu").sampling == Sampling(0.5, max_new_tokens=33, decoding="legal")
    assert make(f"react:{tmp_path}:device=cpu:temperature=2").sampling.temperature == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("context=1900", r"context must be <= 1792, the 2048 tokens of nano less max_new_tokens, got 1900"),
        ("context=99", r"context must leave 96 tokens for an observation, got 99 tokens in all, of which the system"),
        ("max_new_tokens=2048", "max_new_tokens must leave room in the 2048 tokens of nano, got 2048"),
        ("history=-1", "history must be >= 0, got -1"),
        ("top_p=0", "top_p must be > 0"),
        ("decoding=best", "decoding of agent 'chat' must be free or legal, got 'best'"),
        ("prompt=boxed", "agent 'chat' has no option 'prompt'; it takes cache_gb, context, decoding"),
    ],
)
def test_options_that_cannot_work_are_refused_when_the_agent_is_made(options, message):
    with pytest.raises(ValueError, match=message):
        make(f"chat:nano:device=cpu:{options}")


def test_a_model_that_shows_no_probabilities_cannot_choose():
    with pytest.raises(ValueError, match="shows no probabilities to choose by: decoding must be free, got legal"):
        make("react:openai:m:url=http://localhost:1/v1:decoding=legal")
