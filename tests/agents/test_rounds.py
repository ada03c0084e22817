"""Questions meet in rounds, computed off the event loop: which ones meet depends on nobody's speed."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time

import gymnasium
import pytest

from sparring import registry
from sparring.agents.models import rounds
from sparring.agents.models.batching import Batched
from sparring.agents.scripted import ScriptedAgent
from sparring.protocols import Completion
from sparring.rollout.loop import Match, play
from sparring.types import Reply, Sampling

FREE = Sampling(decoding="free")


class Counter(Batched):
    """Notes what is asked together, and takes its time."""

    def __init__(self, seconds=0.0):
        self.seconds, self.batches, self.threads = seconds, [], set()
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def generate_batch(self, prompts, sampling, seeds):
        self.batches.append(tuple(prompt[0] for prompt in prompts))
        self.threads.add(threading.current_thread())
        self.begun.set()
        self.go_on.wait(20)
        time.sleep(self.seconds)
        return [Completion(tuple(prompt), None, "eos", "0") for prompt in prompts]

    async def say(self, number):
        return (await self.generate([number], FREE, 0)).token_ids[0]


async def passes(count):
    """Let the event loop go round so often."""
    for _ in range(count):
        await asyncio.sleep(0)


async def later(model, number, wait):
    await passes(wait)
    return await model.say(number)


def test_whoever_can_ask_without_an_answer_is_in_the_first_round():
    model = Counter()

    async def together():
        return await asyncio.gather(*(later(model, number, wait=number) for number in range(9)))

    assert asyncio.run(together()) == list(range(9))
    assert model.batches == [tuple(range(9))]


@pytest.mark.parametrize("seconds", [0.0, 0.02])
def test_what_meets_in_a_round_does_not_depend_on_how_long_the_round_before_takes(seconds):
    model = Counter(seconds)

    async def talk(number):
        for turn in range(3):
            await passes(number % 4)
            await model.say(10 * turn + number)

    async def together():
        await asyncio.gather(*map(talk, range(6)))

    asyncio.run(together())
    assert [sorted(batch) for batch in model.batches] == [[10 * turn + n for n in range(6)] for turn in range(3)]


def test_the_loop_goes_on_while_a_round_is_computed_and_what_is_asked_meanwhile_meets_in_the_next():
    model = Counter()
    model.go_on.clear()

    async def meanwhile():
        first = asyncio.create_task(model.say(1))
        while not model.begun.is_set():
            await asyncio.sleep(0.001)
        others = [asyncio.create_task(model.say(number)) for number in (2, 3, 4)]
        await asyncio.sleep(0.01)
        assert not first.done()
        model.go_on.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(meanwhile()) == [1, 2, 3, 4]
    assert model.batches == [(1,), (2, 3, 4)]
    assert threading.main_thread() not in model.threads


def test_all_models_compute_in_one_thread_and_their_rounds_end_together():
    slow, quick = Counter(0.05), Counter()
    finished = []

    async def talk(model, name):
        for _ in range(2):
            await model.say(0)
            finished.append(name)

    async def together():
        await asyncio.gather(talk(slow, "slow"), talk(quick, "quick"))

    asyncio.run(together())
    assert finished == ["slow", "quick"] * 2
    assert slow.threads == quick.threads


def test_somebody_who_polls_for_ever_holds_up_no_round():
    model = Counter()

    async def poll(done):
        while not done.is_set():
            await asyncio.sleep(0)

    async def together():
        done = asyncio.Event()
        polling = asyncio.create_task(poll(done))
        answer = await asyncio.wait_for(model.say(7), 20)
        done.set()
        await polling
        return answer

    assert asyncio.run(together()) == 7


class Broken(Counter):
    """Fails in a way of its own for each question."""

    def generate_batch(self, prompts, sampling, seeds):
        if [99] in prompts:
            return []
        if [98] in prompts:
            raise StopIteration
        if [97] in prompts:
            sys.exit(3)
        return super().generate_batch(prompts, sampling, seeds)


def test_whatever_a_model_does_wrong_costs_the_question_that_it_was_asked():
    model = Broken()

    async def together():
        return await asyncio.gather(*map(model.say, (1, 99, 98, 2)), return_exceptions=True)

    one, short, stop, two = asyncio.run(together())
    assert (one, two) == (1, 2)
    assert str(short) == "there must be one answer a question, got 0 for 1"
    assert str(stop) == "the model raised StopIteration"


def test_a_model_that_ends_the_program_ends_its_question_only():
    model = Broken()

    async def alone():
        with pytest.raises(SystemExit):
            await asyncio.shield(model.generate([97], FREE, 0))

    with pytest.raises(SystemExit):
        asyncio.run(alone())
    assert asyncio.run(model.say(1)) == 1


def test_a_long_computation_ends_when_nobody_waits_for_it_any_more():
    ended = threading.Event()

    class Endless(Counter):
        def generate_batch(self, prompts, sampling, seeds):
            try:
                while True:
                    self.begun.set()
                    rounds.require_wanted()
                    time.sleep(0.001)
            finally:
                ended.set()

    model = Endless()

    async def give_up():
        asked = asyncio.create_task(model.say(1))
        while not model.begun.is_set():
            await asyncio.sleep(0.001)
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)

    asyncio.run(give_up())
    assert ended.wait(20)
    assert asyncio.run(Counter().say(5)) == 5


def test_a_direct_call_is_wanted_whatever_a_round_does_meanwhile():
    """Only the thread that computes for askers who have gone is told to end."""

    class Long(Counter):
        def generate_batch(self, prompts, sampling, seeds):
            super().generate_batch(prompts, sampling, seeds)
            rounds.require_wanted()
            raise AssertionError("nobody waits")

    model = Long()
    model.go_on.clear()

    async def give_up():
        asked = asyncio.create_task(model.say(1))
        while not model.begun.is_set():
            await asyncio.sleep(0.001)
        asked.cancel()

    asyncio.run(give_up())
    rounds.require_wanted()
    model.go_on.set()
    assert asyncio.run(Counter().say(5)) == 5


def test_a_model_may_ask_another_one_while_it_computes():
    class Asking(Counter):
        def generate_batch(self, prompts, sampling, seeds):
            asyncio.run(other.say(1))
            return super().generate_batch(prompts, sampling, seeds)

    model, other = Asking(), Counter()
    assert finished_within(20, lambda: asyncio.run(model.say(2))) == 2
    assert (model.batches, other.batches) == ([(2,)], [(1,)])


def finished_within(seconds, ask):
    """What `ask` gives, asked in a thread that may hang."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    assert answers, f"no answer within {seconds} s"
    return answers[0]


class Slow(gymnasium.Env):
    """Played in a thread; says when it is stepped."""

    metadata = {"slow": True}
    stepped = threading.Event()

    def __init__(self):
        self.observation_space = self.action_space = gymnasium.spaces.Text(100)

    def reset(self, *, seed=None, options=None):
        return "Say something.", {}

    def step(self, action):
        self.stepped.set()
        return "Thanks.", 1.0, True, False, {}


class Thinker(ScriptedAgent):
    """Asks a model what to do."""

    waits = True

    def __init__(self, model):
        super().__init__("thinker")
        self.model = model

    async def act(self, observation):
        return Reply(str(await self.model.say(self.seat.seed)))


class Dawdler(ScriptedAgent):
    """Acts when the other one's model computes already."""

    waits = True

    async def act(self, observation):
        await asyncio.sleep(0.1)
        return Reply("done")


def test_environments_in_threads_are_stepped_while_a_model_computes():
    class Waiting(Counter):
        def generate_batch(self, prompts, sampling, seeds):
            assert Slow.stepped.wait(5), "the other environment was not stepped meanwhile"
            return super().generate_batch(prompts, sampling, seeds)

    agents = {"thinker": Thinker(Waiting()), "dawdler": Dawdler("dawdler")}
    matches = [Match(f"{seed}", "test/Slow-v0", {"player_0": name}, seed) for seed, name in enumerate(agents)]
    with registry.envs.temporary(registry.EnvironmentRow("test/Slow-v0", Slow)):
        assert [(episode.status, episode.error) for episode in play(matches, agents)] == [("ok", None)] * 2


SCRIPT = """
import asyncio, sys
from sparring.agents import models
from sparring.rollout.loop import run_coroutine
from sparring.types import Sampling
model = models.load("nano:device=cpu")
async def ask():
    prompt = model.chat([{"role": "user", "content": "?"}])
    writing = asyncio.gather(*(model.generate(prompt, Sampling(max_new_tokens=2000), seed) for seed in range(250)))
    await asyncio.sleep(1.0)
    print("computing", flush=True)
    await writing
run_coroutine(ask())
"""


@pytest.mark.slow
def test_ctrl_c_ends_a_long_computation_within_seconds():
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # it is ignored in the background
    )
    try:
        assert process.stdout.readline() == b"computing\n"
        started = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
        seconds = time.monotonic() - started
    finally:
        process.kill()
    assert process.returncode in (1, -signal.SIGINT)  # torch, at its end, may make Python forget the signal
    assert said.rstrip().endswith(b"KeyboardInterrupt")
    assert seconds < 5
