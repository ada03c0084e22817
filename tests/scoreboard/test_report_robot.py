"""A robot's episode as a film: attempts on the line of control steps, checks, faults, pictures; nothing is trusted."""

import base64
import io
import itertools
import math

import numpy as np
import pytest
from PIL import Image

from sparring.content import Blob
from sparring.rollout.loop import Match, play
from sparring.scoreboard.names import play_words
from sparring.scoreboard.report.build import build_report
from sparring.scoreboard.report.manipulation import manipulation
from sparring.scoreboard.report.pictures import MOST_PAGE, album, films_of, png
from sparring.scoreboard.report.robot import film
from sparring.scoreboard.standings import load_run
from sparring.store.store import Store
from sparring.types import Episode, Seen, Trajectory, Turn

PLAN, TEAM = "sparring/TabletopPlan-v0", "sparring/TabletopTeam-v0"


def attempt(kind="try", number=0, steps=20, checks=((10, False, False), (20, True, True)), **more):
    """As the procedure records it."""
    told = {"kind": kind, "subgoal": "pick up red cube", "number": number, "steps": steps, "checks": list(checks)}
    return told | {"fault": None, "fault_step": None, "accepted": True, "reached": True} | more


def episode(attempts, steps, clauses=None, pictures=()):
    """One action, and the attempts that followed."""
    truth = {"holding(red cube)": True} if clauses is None else clauses
    before = {"attempts": [], "clauses": {"holding(red cube)": False}, "control_steps": 0}
    info = {"instruction": "pick up the red cube", "facts": ["closed(drawer)"]}
    turn = Turn(0, Seen(("text", *pictures), None, info), "pick up red cube", True, 1.0, hidden=before)
    after = {"attempts": attempts, "clauses": truth, "control_steps": steps}
    seat = Trajectory("e/player_0", "player_0", "somebody", (turn,), 1.0, Seen(("end",), None, {}), after)
    return Episode("e", PLAN, "1", {}, 1, "ok", {"player_0": seat})


def bars_of(found):
    return [bar for action in found.actions for bars in action.pursued for bar in bars]


def test_attempts_follow_each_other_and_the_lift_before_a_retry_belongs_to_none():
    first = attempt(steps=70, accepted=False, reached=False, fault="slip", fault_step=7, checks=[(70, False, False)])
    look = attempt("look", 1, 0, [(0, False, False)], accepted=False, reached=False)
    told = [first, look, attempt("repair", 1, 40), attempt("try", 1, 30), attempt(steps=10)]
    found = film(episode(told, 70 + 12 + 40 + 30 + 10))
    assert [(bar.kind, bar.start, bar.start + bar.steps) for bar in bars_of(found)] == [
        ("try", 0, 70),
        ("look", 82, 82),
        ("repair", 82, 122),
        ("try", 122, 152),
        ("try", 152, 162),
    ]
    assert [len(bars) for bars in found.actions[0].pursued] == [4, 1]
    assert (bars_of(found)[0].fault, bars_of(found)[0].fault_at) == ("slip", 7)
    assert [check.step for check in bars_of(found)[2].checks] == [92, 102]
    assert found.steps == 162
    assert found.clauses == (("holding(red cube)", False, True),)


def test_an_episode_that_ran_out_of_steps_in_the_middle_of_a_lift_ends_there():
    found = film(episode([attempt(steps=70, accepted=False), attempt("try", 1, 0, ())], 75))
    assert [(bar.start, bar.steps) for bar in bars_of(found)] == [(0, 70), (75, 0)]
    assert found.actions[0].end == 75


@pytest.mark.parametrize("simulator", ["twin", "mujoco"])
def test_the_steps_of_a_real_episode_add_up_and_each_turn_has_its_picture(simulator):
    kwargs = {"fault": 0.6, "frames": 32, "simulator": simulator}
    for played in play([Match(str(seed), PLAN, {"player_0": "sap"}, seed, kwargs) for seed in range(4)]):
        if played.error and "mujoco" in played.error:
            pytest.skip(played.error)
        found, metrics = film(played), played.trajectories["player_0"].metrics
        assert found.steps == metrics["steps"]
        assert sum(len(bar.checks) for bar in bars_of(found)) == metrics["checks"]
        assert sum(bool(bar.fault) for bar in bars_of(found)) == metrics["faults"]
        ends = [(bar.start, bar.start + bar.steps) for bar in bars_of(found)]
        assert all(one[1] <= other[0] for one, other in itertools.pairwise(ends))
        assert [frame.turn for frame in found.frames] == list(range(len(played.turns) + 1))
        assert found.frames[-1].step == found.steps
        assert all(check.step <= found.steps for bar in bars_of(found) for check in bar.checks)


def test_a_teams_checks_lead_to_the_turns_of_its_verifier():
    seats = {"planner": "sap", "chooser": "random", "verifier": "verifier:rule"}
    (played,) = play([Match("t", TEAM, seats, 3, {"fault": 0.3})])
    found = film(played)
    for check in (check for bar in bars_of(found) for check in bar.checks):
        seat, turn = played.turns[check.turn]
        assert seat == "verifier"
        assert (turn.action == "yes", turn.hidden["truth"]) == (check.said, check.truth)
    said = [one for action in found.actions for one in action.others]
    assert len(said) + len(found.actions) == len(played.turns)
    assert {one.seat for one in said if one.right is None} == {"chooser"}


def test_what_no_robot_did_is_no_film():
    (game,) = play([Match("g", "sparring/KuhnPoker-v0", {"player_0": "random", "player_1": "random"}, 1)])
    assert film(game) is None


@pytest.mark.parametrize("odd", [None, 7, -1, math.nan, True, "x" * 1_000, ["x"], {"a": 1}, "\x00\ud800"])
def test_records_of_any_kind_are_shown_as_far_as_they_can_be(odd):
    strange = dict.fromkeys(attempt(), odd) | {"kind": "try"}
    for told in (odd, [odd], [strange], [strange | {"checks": [odd, (odd, odd, odd), (1, True, False)]}]):
        found = film(episode(told, odd, clauses=odd))
        assert len(found.actions) == 1
        assert all(bar.steps >= 0 and len(bar.subgoal) <= 300 for bar in bars_of(found))


def test_a_png_holds_the_pixels_that_were_given():
    pixels = np.random.default_rng(0).integers(0, 256, (7, 11, 3), np.uint8)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)


def store_of_pictures(folder, count, size):
    """Episodes with noise, which does not compress."""
    rng = np.random.default_rng(1)
    episodes = []
    for number in range(count):
        shots = [Blob.of(rng.integers(0, 256, (size, size, 3), np.uint8), camera) for camera in ("top", "wrist")]
        one = episode([attempt()], 20, pictures=shots)
        seat = one.trajectories["player_0"]
        seat.id, one.id, one.trajectories = f"{number}/player_0", str(number), {"player_0": seat}
        episodes.append(one)
    with Store(folder, "a") as store:
        store.append(episodes)
    return load_run(folder)


def pixels_of(address):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))))


def test_pictures_are_read_from_the_store_and_large_ones_are_reduced(tmp_path):
    run = store_of_pictures(tmp_path / "s", 1, 320)
    made = album([(run, films_of(run))], 1_000_000)
    (first, second) = films_of(run)[0][1].frames[0].shots
    with Store(tmp_path / "s") as store:
        whole = np.frombuffer(store.blob(first[1]), np.uint8).reshape(320, 320, 3)
    shown = pixels_of(made.pictures[first[1]])
    assert shown.shape == (160, 160, 3)
    means = whole.reshape(160, 2, 160, 2, 3).mean(axis=(1, 3))
    assert np.abs(shown - means).max() <= 4
    assert set(made.pictures) == {first[1], second[1]}
    assert (made.left_out, made.unreadable) == (0, 0)


def test_the_first_camera_of_all_episodes_comes_before_the_others_and_what_does_not_fit_is_counted(tmp_path):
    run = store_of_pictures(tmp_path / "s", 6, 64)
    films = films_of(run)
    one = len(next(iter(album([(run, films)], 10_000_000).pictures.values())))
    made = album([(run, films)], 8 * one + 8 * one // 10)
    firsts = {found.frames[0].shots[0][1] for _, found in films}
    assert firsts <= set(made.pictures)
    assert len(made.pictures) + made.left_out == 12
    assert made.left_out > 2


def test_two_runs_share_the_room_in_turn(tmp_path):
    runs = [store_of_pictures(tmp_path / name, 4, size) for name, size in (("a", 64), ("b", 60))]
    films = [(run, films_of(run)) for run in runs]
    made = album(films, 60_000)
    assert made.left_out
    counts = [sum(found.frames[0].shots[0][1] in made.pictures for _, found in one) for _, one in films]
    assert abs(counts[0] - counts[1]) <= 1
    assert min(counts) > 0


def test_a_page_with_more_pictures_than_fit_stays_below_its_limit(tmp_path):
    run = store_of_pictures(tmp_path / "s", 60, 160)
    build_report([run], tmp_path / "page.html")
    assert 0.8 * MOST_PAGE < (tmp_path / "page.html").stat().st_size < MOST_PAGE
    assert "img-src data:" in (tmp_path / "page.html").read_text()


def test_a_picture_that_the_store_lost_is_counted_and_the_page_is_written(tmp_path):
    run = store_of_pictures(tmp_path / "s", 1, 32)
    next((tmp_path / "s" / "blobs").rglob("*.zst")).unlink()
    made = album([(run, films_of(run))], 1_000_000)
    assert (len(made.pictures), made.unreadable) == (1, 1)
    build_report([run], tmp_path / "page.html")


def test_a_page_without_robots_may_show_no_picture(tmp_path):
    with Store(tmp_path / "s", "a") as store:
        store.append(play([Match("g", "sparring/KuhnPoker-v0", {"player_0": "random", "player_1": "random"}, 1)]))
    build_report([load_run(tmp_path / "s")], tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert "img-src" not in html
    assert "<!--pictures-->" not in html


def test_the_figures_of_manipulation_are_counts_over_all_episodes(tmp_path):
    kwargs = {"fault": 0.6, "verifier": "rule"}
    episodes = play([Match(str(seed), PLAN, {"player_0": "sap"}, seed, kwargs, task=str(seed)) for seed in range(6)])
    with Store(tmp_path / "s", "a") as store:
        store.append(episodes)
    view = manipulation([load_run(tmp_path / "s")])
    (line,) = view.lines
    cells = dict(zip(view.columns, line.cells, strict=True))
    total = {
        name: sum(one.trajectories["player_0"].metrics[name] for one in episodes)
        for name in ("success", "recovered", "failed_first", "true_yes", "false_yes", "false_no")
    }
    assert (line.agent, line.options) == ("sap", "fault=0.6, verifier=rule")
    assert cells["Success at the end"].estimate.value == total["success"] / 6
    assert cells["Recovered after a failed try"].estimate.value == total["recovered"] / total["failed_first"]
    precision, recall = cells["Precision of the verifier"].estimate, cells["Recall of the verifier"].estimate
    assert precision.value == pytest.approx(total["true_yes"] / (total["true_yes"] + total["false_yes"]))
    assert recall.value == pytest.approx(total["true_yes"] / (total["true_yes"] + total["false_no"]))
    assert recall.clusters == 6
    assert recall.low < recall.value < recall.high


def test_the_delay_of_a_verifier_runs_from_its_first_true_check_to_the_acceptance(tmp_path):
    checks = [(10, False, False), (20, False, True), (30, False, True), (40, True, True), (50, True, True)]
    told = [attempt(steps=50, checks=checks), attempt("look", 1, 0, [(0, True, True)] * 2)]
    one = episode(told, 62)
    one.trajectories["player_0"].metrics = {"subgoals": 1.0}
    with Store(tmp_path / "s", "a") as store:
        store.append([one])
    (line,) = manipulation([load_run(tmp_path / "s")]).lines
    assert (line.cells[-1].estimate.value, line.cells[-1].counted) == (30.0, "of 1 acceptance")


def test_in_a_team_nobody_wins_or_loses():
    assert not play_words(PLAN, TEAM).contested
    assert play_words("sparring/KuhnPoker-v0").contested
