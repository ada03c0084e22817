"""Workers of a real Ray cluster of several nodes on this machine: the same store whoever plays, and whoever dies."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest

import sparring
from sparring import registry
from sparring.agents import make
from sparring.faults import ServerFailed
from sparring.rollout.loop import Event, Match, play
from sparring.rollout.pool import EnvPool
from sparring.scoreboard.matches import play_rows
from sparring.store.store import Store

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("ray")]
SEATS = ("player_0", "player_1")
KUHN = "sparring/KuhnPoker-v0"
HEALTH = {
    "health_check_initial_delay_ms": 500,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 5,
}
"""A head that finds out within 3 seconds that a machine is gone."""
MODULE = """
import os, signal
import gymnasium
from gymnasium import spaces
from sparring import registry

class Odd(gymnasium.Env):
    def __init__(self, fault=""):
        self.observation_space = self.action_space = spaces.Text(100)
        self.fault = fault

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seed = seed
        return "go", {"suggested_actions": ("a", "b")}

    def step(self, action):
        if self.seed == 5 and self.fault == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.seed == 5 and self.fault == "raise":
            raise ValueError("odd")
        return "done", 1.0, True, False, {}

registry.envs.register("test/Odd-v0")(Odd)
registry.envs.register("test/OddProcess-v0", host="process")(Odd)
"""


class Cluster:
    """Two nodes of this machine, beside a head that plays nothing."""

    def __init__(self) -> None:
        import ray
        from ray.cluster_utils import Cluster as RayCluster

        small = {"include_dashboard": False, "object_store_memory": 100 * 2**20}
        self._cluster = RayCluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": HEALTH, **small}
        )
        self.address: str = self._cluster.address
        self._cluster.add_node(num_cpus=3, object_store_memory=100 * 2**20)
        self.add_node()
        ray.init(self.address, log_to_driver=False, logging_level="CRITICAL")

    def add_node(self) -> None:
        """One with one CPU."""
        self.last = self._cluster.add_node(num_cpus=1, object_store_memory=100 * 2**20)

    def kill_last_node(self) -> None:
        """As when its machine loses power."""
        self._cluster.remove_node(self.last, allow_graceful=False)

    def close(self) -> None:
        import ray

        ray.shutdown()
        self._cluster.shutdown()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd_of_cluster.py").write_text(textwrap.dedent(MODULE))
    info = folder / "odd_of_cluster-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: odd-of-cluster\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sparring.envs]\nodd = odd_of_cluster\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(paths))
        cluster = Cluster()
        yield cluster
        cluster.close()


@contextmanager
def crew(count: int):
    from sparring.cluster.workers import RayWorkers

    workers = RayWorkers(count)
    try:
        yield workers
    finally:
        workers.close()


def matches_of(count: int, other: str = "random") -> list[Match]:
    return [
        Match(f"m/{index}", KUHN, {"player_0": "random", "player_1": other if index % 2 else "random"}, index)
        for index in range(count)
    ]


def root_of(folder: Path, matches: list[Match], pool: object, on_event=None) -> str:
    """What a store holds after these matches, in which order."""
    agents = {name: make(name) for name in dict.fromkeys(name for match in matches for name in match.agents.values())}
    with Store(folder, "a") as store:
        play_rows(matches, agents, store, on_event, pool)
        assert [row.id for row in store.rows()] == [match.id for match in matches]
        return store.root()


def here(folder: Path, matches: list[Match]) -> str:
    """The root of the same episodes, played in this process."""
    with Store(folder, "a") as store:
        store.append(play(matches))
        return store.root()


class Once:
    """Does something when the first episode is over."""

    def __init__(self, action) -> None:
        self.action, self.done = action, False

    def __call__(self, event: Event) -> None:
        if event.kind == "done" and not self.done:
            self.done = True
            self.action()


def test_any_number_of_workers_gives_the_store_of_this_process(cluster: Cluster, tmp_path: Path) -> None:
    matches = matches_of(300, other="cfr")
    roots = {here(tmp_path / "here", matches)}
    for count in (1, 2, 4):
        with crew(count) as workers:
            roots.add(root_of(tmp_path / str(count), matches, workers))
            assert sum(map(len, workers.pids.values())) <= count
    assert len(roots) == 1


def test_a_worker_that_is_killed_costs_no_episode_and_a_dead_node_none(cluster: Cluster, tmp_path: Path) -> None:
    matches = matches_of(3000)
    quiet = here(tmp_path / "here", matches)
    with crew(4) as workers:
        deadline = time.monotonic() + 60
        while sum(map(len, workers.pids.values())) < 4 and time.monotonic() < deadline:
            play(matches[:32], pool=workers)  # all have joined
            time.sleep(0.1)
        (pids,) = map(sorted, workers.pids.values())
        killing = Once(lambda: os.kill(pids[0], signal.SIGKILL))
        assert root_of(tmp_path / "worker", matches, workers, killing) == quiet
        assert not Path(f"/proc/{pids[0]}").exists()
        assert root_of(tmp_path / "node", matches, workers, Once(cluster.kill_last_node)) == quiet
    cluster.add_node()


def test_what_a_store_holds_is_not_played_again(cluster: Cluster, tmp_path: Path) -> None:
    matches = matches_of(200)
    whole = here(tmp_path / "here", matches)
    here(tmp_path / "half", matches[:96])
    with crew(2) as workers:
        assert root_of(tmp_path / "half", matches, workers) == whole


def test_faults_cost_their_own_episode_only(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder,) = (path for path in os.environ["PYTHONPATH"].split(os.pathsep) if "odd" in path)
    monkeypatch.syspath_prepend(folder)
    with registry.envs.temporary(registry.EnvironmentRow("test/Unknown-v0", object)), crew(2) as workers:
        registry.envs.load()
        if "test/Odd-v0" not in {row.name for row in registry.envs}:
            sys.modules.pop("odd_of_cluster", None)
            __import__("odd_of_cluster")
        odd = [
            Match(f"{fault}/{seed}", "test/Odd-v0", {"player_0": "random"}, seed, {"fault": fault})
            for fault in ("die", "raise")
            for seed in range(8)
        ]
        episodes = {episode.id: episode for episode in play(odd, pool=workers)}
        broken = {id: episode.error for id, episode in episodes.items() if episode.error is not None}
        assert set(broken) == {"die/5", "raise/5"}
        assert broken["raise/5"] == "ValueError: odd"
        assert broken["die/5"] == "3 workers died while they played it"
        assert {episodes[id].status for id in broken} == {"env_error"}
        with pytest.raises(ServerFailed, match=r"worker on .* cannot play: unknown environment 'test/Unknown-v0'"):
            play([Match("u", "test/Unknown-v0", {"player_0": "random"}, 0)], pool=workers)
        assert len(play(matches_of(40), pool=workers)) == 40
        apart = [Match(f"p/{s}", "test/OddProcess-v0", {"player_0": "random"}, s, {"fault": "die"}) for s in (4, 5)]
        sound, died = play(apart, pool=workers)
        assert (sound.status, died.status) == ("ok", "env_error")
        assert died.error == "RuntimeError: the environment's process ended by itself, with exit code -9"


class SlicesHere(EnvPool):
    """What the workers do, done here: the same slices, each by agents out of the same parcel."""

    def __init__(self, sent=None) -> None:
        super().__init__()
        self.sent = sent

    def holding(self, matches, known):
        from sparring.cluster.parcels import Packer
        from sparring.cluster.slices import Sent, agents_of

        agents = agents_of(matches, dict(known))
        return SlicesHere(Sent(agents, Packer().pack(agents)))

    async def played(self, matches, known):
        from sparring.cluster.parcels import Packer, Unpacker
        from sparring.cluster.slices import Slices
        from sparring.rollout.loop import run_matches

        slices, unpacker = Slices(matches, known, Packer().pack, 1, self.sent), Unpacker()
        while (slice := slices.next()) is not None:
            agents = unpacker.open(slice.parcel)
            episodes = {episode.id: episode async for episode in run_matches(slice.matches, agents)}
            yield [(match, episodes[match.id]) for match in slice.matches]
            slices.played(slice, list(episodes.values()))
            list(slices.finished())


def trained(path: Path, pool: object, **settings: object) -> tuple[str, str]:
    """The root of a run's store and the SHA-256 of its last weights."""
    from sparring.trainers.methods.spiral import Config, Spiral
    from sparring.trainers.run import Run

    usual: dict[str, object] = {"games_per_update": 40, "steps": 2, "evaluation_games": 4, "probe_every": 0}
    config = Config(league_every=1, **{**usual, **settings})
    run = Run.start(Spiral, config, path)
    assert run.run(pool=pool)
    weights = hashlib.sha256(b"".join(value.numpy().tobytes() for value in run.model.weights().values()))
    with Store(path / "episodes") as store:
        return store.root(), weights.hexdigest()


def test_a_run_on_workers_is_to_the_bit_the_run_of_the_same_slices_here(cluster: Cluster, tmp_path: Path) -> None:
    settings = {"games": ("sparring/TicTacToe-v0",), "league_share": 0.25}
    with crew(2) as workers:
        on_two = trained(tmp_path / "two", workers, **settings)
        ((_, pids),) = workers.pids.items()
        os.kill(next(iter(pids)), signal.SIGKILL)  # a new one gets the weights of the time
        assert trained(tmp_path / "killed", workers, **settings) == on_two
        assert trained(tmp_path / "here", SlicesHere(), **settings) == on_two


def test_games_that_are_played_while_the_learner_learns_are_those_played_one_after_the_other(
    cluster: Cluster, tmp_path: Path
) -> None:
    settings = {"games": ("sparring/TicTacToe-v0",), "league_share": 0.25, "staleness": 2, "steps": 5}
    with crew(2) as workers:
        on_two = trained(tmp_path / "two", workers, **settings)
        assert trained(tmp_path / "here", SlicesHere(), **settings) == on_two
    settings |= {"games": (KUHN,), "league_share": 0.0, "evaluate_every": 1}
    with crew(1) as workers:
        assert trained(tmp_path / "ray", workers, **settings) == trained(tmp_path / "none", None, **settings)


def test_where_the_exact_evaluation_asked_all_positions_the_run_is_that_without_ray(
    cluster: Cluster, tmp_path: Path
) -> None:
    settings = {"games": (KUHN,), "league_share": 0.0}
    with crew(1) as workers:
        assert trained(tmp_path / "ray", workers, **settings) == trained(tmp_path / "none", None, **settings)


def test_new_weights_that_did_not_arrive_whole_are_refused(cluster: Cluster) -> None:
    from dataclasses import replace

    from sparring.cluster.parcels import Packer, Unpacker

    parcel, unpacker = Packer().pack({"nano": make("nano")}), Unpacker()
    assert unpacker.open(parcel)["nano"].name == "nano"
    (sent,) = parcel.models
    damaged = replace(parcel, models=(replace(sent, version="update-1", digest="0" * 64),))
    with pytest.raises(ServerFailed, match=r"weights update-1 arrived as [0-9a-f]{12}, and 0{12} were sent"):
        unpacker.open(damaged)


def test_new_weights_of_an_adapter_reach_workers_that_have_the_model_and_those_that_are_new(cluster: Cluster) -> None:
    import torch

    from sparring.agents.models import load_trainable
    from sparring.agents.models.adapter import Lora
    from sparring.agents.players import LanguageModelAgent
    from sparring.cluster.parcels import Packer, Unpacker

    model = load_trainable("nano")
    model.add_adapter(Lora(2, 4))
    packer, old, new = Packer(), Unpacker(), Unpacker()
    before = old.open(packer.pack({"learner": LanguageModelAgent(model)}))["learner"].model
    with torch.no_grad():
        for weight in model.weights().values():
            weight += 1.0
    model.sync(None, "update-1")
    parcel = packer.pack({"learner": LanguageModelAgent(model)})
    for unpacker in (old, new):
        there = unpacker.open(parcel)["learner"].model
        assert there is not model
        assert (there is before) == (unpacker is old)
        assert (there.weights_version, there.adapter) == ("update-1", "lora-r2-a4")
        for name, weight in model.module.state_dict().items():
            assert torch.equal(there.module.state_dict()[name], weight)


def test_a_worker_that_has_newer_weights_goes_back_for_games_that_began_earlier(cluster: Cluster) -> None:
    import torch

    from sparring.agents.models import load_trainable
    from sparring.agents.players import LanguageModelAgent
    from sparring.cluster.parcels import Packer, Unpacker

    model, packer, unpacker = load_trainable("nano"), Packer(), Unpacker()
    parcels, versions, kept = [], ("start", "update-1", "update-2"), []
    for version in versions:
        model.sync({name: weight + 1.0 for name, weight in model.weights().items()}, version)
        kept.append({name: weight.clone() for name, weight in model.weights().items()})
        parcels.append(packer.pack({"learner": LanguageModelAgent(model)}))
    for place in (1, 0, 2, 0, 1):
        there = unpacker.open(parcels[place])["learner"].model
        assert there.weights_version == versions[place]
        assert all(torch.equal(there.weights()[name], weight) for name, weight in kept[place].items())


def test_another_version_on_the_workers_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparring, "__version__", "9.9")
    with pytest.raises(ServerFailed, match=r"worker on .* has Sparring 0.*, and 9.9 runs here: install the same"):
        crew(1).__enter__()


def test_an_agent_that_cannot_travel_is_named(cluster: Cluster) -> None:
    stuck = make("random")
    stuck.held = socket.socket()
    with crew(1) as workers, pytest.raises(ValueError, match="agent 'stuck' cannot be sent to another process"):
        play([Match("m", KUHN, dict.fromkeys(SEATS, "stuck"), 0)], {"stuck": stuck}, pool=workers)


@pytest.mark.parametrize("address", ["nowhere", "host:0", "host:70000", "ray://host:10001", "http://host:80", ":6379"])
def test_what_is_no_address_is_refused(address: str) -> None:
    from sparring.cluster.connection import require_address

    with pytest.raises(ValueError, match=r"--ray must be HOST:PORT .*, auto .* or local"):
        require_address(address)


def command(*words: str, **environment: str) -> subprocess.Popen[str]:
    """`sparring WORDS` in a process of its own, which hears Ctrl-C."""
    return subprocess.Popen(
        [sys.executable, "-m", "sparring", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def left_over(marker: str) -> list[str]:
    """Command lines of processes that were started with this in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if marker.encode() in entry.read_bytes():
                found.append((entry.parent / "cmdline").read_bytes().decode(errors="replace"))
    return found


def test_ctrl_c_keeps_what_was_played_and_leaves_no_worker(cluster: Cluster, tmp_path: Path) -> None:
    import ray

    folder = tmp_path / "games"
    games = ["play", "KuhnPoker", "--episodes", "1000000", "--ray", cluster.address, "--store", str(folder)]
    running = command(*games)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.2)
        if (folder / "index.sqlite").exists():
            with Store(folder) as store:
                if len(store):
                    break
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "interrupted; the games that were over are in" in said
    with Store(folder) as store:
        assert [row.id.rpartition("/")[2] for row in store.rows()] == [str(index) for index in range(len(store))]
        assert len(store) > 0
    while time.monotonic() < deadline and ray.available_resources().get("CPU") != 4:
        time.sleep(0.1)
    assert ray.available_resources()["CPU"] == 4


def test_a_cluster_of_its_own_plays_the_same_and_leaves_nothing(tmp_path: Path) -> None:
    words, marker = ["play", "KuhnPoker", "--episodes", "100", "--agents", "random,cfr", "--json"], str(tmp_path)
    alone, with_ray = command(*words), command(*words, "--ray", MARKER=marker)
    expected, _ = alone.communicate(timeout=60)
    said, complained = with_ray.communicate(timeout=120)
    assert (with_ray.returncode, said) == (0, expected), complained
    deadline = time.monotonic() + 20
    while left_over(marker) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left_over(marker) == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [(None, "no Ray cluster answers at"), (b"HTTP/1.1 400 Bad Request\r\n\r\n", "is no Ray cluster")],
)
def test_where_no_cluster_answers_one_line_says_so(answer: bytes | None, said: str) -> None:
    from sparring.cluster.connection import require_answer

    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        if answer is None:
            server.close()
        else:
            Thread(target=lambda: server.accept()[0].sendall(answer), daemon=True).start()
        with pytest.raises(ServerFailed, match=said):
            require_answer(address)
