"""`play --store` and suites: what is over is on disk, and is not played again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import gymnasium
import pytest

from sparring import registry
from sparring.agents.scripted import RandomAgent, ScriptedAgent
from sparring.rollout.loop import Event, Match, play
from sparring.scoreboard import suites
from sparring.scoreboard.matches import head_to_head, rotated_matches
from sparring.scoreboard.stored_matches import play_missing
from sparring.store.store import Store
from sparring.types import Observation, Policy, Reply

KUHN = "sparring/KuhnPoker-v0"


class Counting(RandomAgent):
    """A random player that counts what it was asked."""

    def __init__(self, name: str = "random", weights_version: str = "") -> None:
        super().__init__()
        self.name, self.turns = name, list[int]()
        self.policies = (Policy("random", weights_version),) if weights_version else ()

    @property
    def asked(self) -> int:
        return len(self.turns)

    async def act(self, observation: Observation) -> Reply:
        self.turns.append(observation.turn)
        await asyncio.sleep(0)
        return await super().act(observation)


def count_when_done(counts: list[int], store: Store) -> Callable[[Event], None]:
    """Notes how many episodes a store holds whenever one is done."""
    return lambda event: counts.append(store.count) if event.kind == "done" else None


def test_games_are_stored_while_others_are_played(tmp_path: Path) -> None:
    seen = []
    with Store(tmp_path / "store", "a") as store:
        head_to_head(KUHN, [RandomAgent(), RandomAgent()], 3000, 0, count_when_done(seen, store), store)
        assert store.count == 3000
    assert seen[0] > 0
    assert seen[2999] >= 1500


class Slow(gymnasium.Env[str, str]):
    """One step that keeps the process busy for a while, as physics does."""

    observation_space = action_space = gymnasium.spaces.Text(1000, min_length=0)

    def reset(self, *, seed: int | None = None, options: object = None) -> tuple[str, dict[str, object]]:
        super().reset(seed=seed)
        return "Go on.", {"legal_actions": ["go"]}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, object]]:
        time.sleep(0.06)
        return "", 1.0, True, False, {}


def slow_matches(count: int) -> list[Match]:
    return [Match(f"slow/{seed}", "test/Slow-v0", {"player_0": "one"}, seed) for seed in range(count)]


def test_a_slow_game_is_stored_before_others_begin_and_is_called_done_afterwards(tmp_path: Path) -> None:
    begun, seen = [], []
    row = registry.EnvironmentRow("test/Slow-v0", Slow, seats=1)
    with registry.envs.temporary(row), Store(tmp_path / "store", "a") as store, Store(tmp_path / "store") as reader:

        def note(event: Event) -> None:
            if event.kind == "begun":
                begun.append(event.match.id)
            elif event.kind == "done":
                assert event.match.id in reader
                seen.append(len(begun))

        play_missing(slow_matches(12), {"one": RandomAgent()}, store, on_event=note)
    assert len(seen) == 12
    assert seen[0] <= 4, seen
    assert seen == sorted(seen)
    assert seen[6] <= 10, seen


def test_what_is_over_is_stored_although_no_other_game_ends(tmp_path: Path) -> None:
    """A batch that waits because the disk is busy waits a moment, and not for the next batch."""

    class Patient(RandomAgent):
        async def act(self, observation: Observation) -> Reply:
            asked.append(observation.turn)
            if len(asked) == 21:
                until = time.monotonic() + 20
                while store.count < 20 and time.monotonic() < until:
                    await asyncio.sleep(0.01)
                stored_meanwhile.append(store.count)
            else:
                await asyncio.sleep(len(asked) * 0.001)
            return await super().act(observation)

    class Quick(Slow):
        def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, object]]:
            return "", 1.0, True, False, {}

    agent, asked, stored_meanwhile = Patient(), list[int](), list[int]()
    row = registry.EnvironmentRow("test/Slow-v0", Quick, seats=1)
    with registry.envs.temporary(row), Store(tmp_path / "store", "a") as store:
        play_missing(slow_matches(21), {"one": agent}, store)
        assert store.count == 21
    assert stored_meanwhile == [20]


def test_what_is_stored_is_not_played_again(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    with Store(tmp_path / "store", "a") as store:
        first = head_to_head(KUHN, [one, other], 20, 0, store=store)
        asked = one.asked
        assert head_to_head(KUHN, [one, other], 20, 0, store=store) == first
        assert one.asked == asked
        more = head_to_head(KUHN, [one, other], 30, 0, store=store)
        assert more[:20] == first
        assert store.count == 30
    assert [episode.id for episode in more] == [f"random,random/0/{KUHN}/{index}" for index in range(30)]


def test_other_weights_under_the_same_name_play_their_own_games(tmp_path: Path) -> None:
    players = [Counting(), Counting(weights_version="update-9")]
    with Store(tmp_path / "store", "a") as store:
        for player in players:
            head_to_head(KUHN, [player, RandomAgent()], 10, 0, store=store)
        assert store.count == 20
        assert [row.id.partition("/")[0] for row in store.rows()] == ["random,random"] * 10 + [
            "random@update-9,random"
        ] * 10
    assert all(player.asked >= 10 for player in players)


def test_another_policy_under_the_same_id_is_refused_before_the_first_game(tmp_path: Path) -> None:
    trained = Counting(weights_version="update-9")
    with Store(tmp_path / "store", "a") as store:
        names = ["one", "random"]
        play_missing(rotated_matches(KUHN, names, 10, 0), {"one": Counting()}, store)
        with pytest.raises(ValueError, match=r"holds another episode under the id .*policy of player_\d.*update-9"):
            play_missing(rotated_matches(KUHN, names, 20, 0), {"one": trained}, store)
        assert (trained.asked, store.count) == (0, 10)


def test_a_match_with_other_settings_is_refused_before_the_first_game(tmp_path: Path) -> None:
    agents = {"one": Counting(), "other": Counting()}
    matches = rotated_matches(KUHN, list(agents), 4, 0)
    with Store(tmp_path / "store", "a") as store:
        store.append(play(matches[:1], agents))
        changed = [replace(match, seed=match.seed + 1) for match in matches]
        with pytest.raises(ValueError, match=r"another episode under the id .*: seed"):
            play_missing(changed, agents, store)
        with pytest.raises(ValueError, match=r"another episode under the id .*: settings"):
            play_missing([replace(match, env_kwargs={"illegal": "retry"}) for match in matches], agents, store)
        assert store.count == 1


def test_an_error_in_play_keeps_what_was_over(tmp_path: Path) -> None:
    def break_off(event: Event) -> None:
        if event.kind == "done" and event.match.id.endswith("/500"):
            raise RuntimeError("the watcher broke")

    with Store(tmp_path / "store", "a") as store:
        with pytest.raises(RuntimeError, match="the watcher broke"):
            head_to_head(KUHN, [RandomAgent(), RandomAgent()], 3000, 0, break_off, store)
        assert 500 < store.count < 3000


def test_a_suite_goes_on_where_it_was_and_tells_agents_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answers(ScriptedAgent):
        sampling, policies, asked = None, (), 0

        def __init__(self, name: str) -> None:
            self.name = name

        async def act(self, observation: Observation) -> Reply:
            Answers.asked += 1
            return Reply("<answer>7</answer>")

    monkeypatch.setattr(suites, "_agent", lambda spec, kwargs: Answers(spec))
    with Store(tmp_path / "store", "a") as store:
        scores = suites.run_suite("code", "one", 2, seed=0, store=store)
        assert Answers.asked == 16
        assert suites.run_suite("code", "one", 2, seed=0, store=store) == scores
        assert Answers.asked == 16
        suites.run_suite("code", "other", 2, seed=0, store=store)
        assert (Answers.asked, store.count) == (32, 32)
        tasks = [sorted(str(row.task) for row in store.rows(agent=name)) for name in ("one", "other")]
        seeds = [{row.task: row.seed for row in store.rows(agent=name)} for name in ("one", "other")]
    assert tasks[0] == tasks[1]
    assert seeds[0] == seeds[1]


def command(path: Path, *more: str) -> list[str]:
    words = ["play", "KuhnPoker", "--agents", "random,random", "--episodes", "8000", "--store", str(path)]
    return [sys.executable, "-P", "-m", "sparring", *words, *more]


def start(path: Path, interrupts: signal.Handlers = signal.SIG_DFL) -> subprocess.Popen[str]:
    """The command, with Ctrl-C as it is by default (it is ignored in jobs in the background), or as said."""
    return subprocess.Popen(
        command(path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, interrupts),
    )


def stored(path: Path) -> dict[str, str]:
    try:
        with Store(path) as store:
            return {row.id: row.hash for row in store.rows()}
    except FileNotFoundError:
        return {}


def wait_for_more(path: Path, process: subprocess.Popen[str], known: int) -> None:
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until and len(stored(path)) <= known:
        time.sleep(0.03)


@pytest.mark.slow
@pytest.mark.parametrize("kinds", [(signal.SIGTERM, signal.SIGINT), (signal.SIGKILL,)])
def test_signals_at_random_moments_lose_nothing_that_was_stored(
    tmp_path: Path, kinds: Sequence[signal.Signals]
) -> None:
    path, moments, kept = tmp_path / "games", random.Random(0), {}
    for round in range(5):
        process = start(path)
        wait_for_more(path, process, len(kept))
        time.sleep(moments.uniform(0.0, 0.05))
        before = stored(path)
        process.send_signal(kinds[round % len(kinds)])
        _, said = process.communicate(timeout=60)
        assert kept.items() <= before.items()
        kept = stored(path)
        assert before.items() <= kept.items()
        if kinds[0] == signal.SIGKILL:
            assert process.returncode == -signal.SIGKILL
        else:
            assert process.returncode == 130, said
            assert "sparring: interrupted" in said
    assert 0 < len(kept) < 8_000
    done = subprocess.run(command(path, "--json"), capture_output=True, text=True, timeout=120, check=True)
    assert json.loads(done.stdout)["standings"][0]["outcomes"]["draws"] == 0
    finished = stored(path)
    assert len(finished) == 8_000
    assert kept.items() <= finished.items()


@pytest.mark.slow
def test_sigterm_ends_a_job_in_the_background_that_ignores_ctrl_c(tmp_path: Path) -> None:
    process = start(tmp_path / "games", signal.SIG_IGN)
    wait_for_more(tmp_path / "games", process, 0)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert 0 < len(stored(tmp_path / "games")) < 8_000


def test_games_are_stored_in_a_notebook_too(tmp_path: Path) -> None:
    async def notebook_cell() -> int:
        with Store(tmp_path / "store", "a") as store:
            head_to_head(KUHN, [RandomAgent(), RandomAgent()], 4, 0, store=store)
            return store.count

    assert asyncio.run(notebook_cell()) == 4
