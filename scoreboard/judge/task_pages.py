"""The grader of OpenEnv's task API: splits, and the tasks in them."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from sparring.content import canonical_json
from sparring.plurals import number_of
from sparring.scoreboard.judge.grades import Seen, Skip
from sparring.scoreboard.judge.trial import Trial

MOST_TASKS = 2_000
"""Of a split that are compared."""
PAGE = 500
"""Tasks that are asked for at a time."""
NOT_CONTENT = ("id", "task_id", "index", "idx", "name", "seed", "split", "uid")
"""Fields of a task that number it."""
SHOWN = 32
"""Tasks of a split that are compared by what a reset shows, where they hold nothing but their numbers."""


def splits_are_disjoint(trial: Trial) -> Seen:
    """The tasks of all splits, compared by what is in them, or shown; then one of each is played."""
    env, wrong = _env_name(trial), list[str]()
    contents = {split: _contents(trial, env, split, wrong) for split in _splits(trial, env)}
    for (one, tasks), (other, others) in combinations(contents.items(), 2):
        if shared := tasks & others:
            shown = min(shared)[:80]
            wrong.append(f"{number_of(len(shared), 'task')} of {one} are in {other} too, such as {shown}")
    for split in (split for split, tasks in contents.items() if tasks):
        with trial.session(None, split=split, index=0) as (_, start):
            if start.get("done") is not False:
                wrong.append(f"reset(split={split!r}, index=0) starts no episode")
    if wrong:
        return Seen("; ".join(wrong), False)
    return Seen(", ".join(f"{split}: {number_of(len(tasks), 'different task')}" for split, tasks in contents.items()))


def _env_name(trial: Trial) -> str:
    status, said = trial.client.get("/list_environments")
    if status != 200 or not isinstance(said, list) or not said:
        raise Skip("the server has no task API")
    return str(said[0])


def _splits(trial: Trial, env: str) -> list[str]:
    status, said = trial.client.get(f"/{env}/splits")
    found = said if status == 200 and isinstance(said, list) else []
    names = [str(one.get("name")) if isinstance(one, dict) else str(one) for one in found]
    if not names:
        raise Skip(f"the server names no splits: GET /{env}/splits answers {status}")
    return names


def first_tasks(trial: Trial, most: int) -> list[tuple[str, int, object]]:
    """(split, index, task) of the first tasks of every split; none where the server names no tasks."""
    try:
        env = _env_name(trial)
        splits = _splits(trial, env)
    except Skip:
        return []
    return [(split, index, task) for split in splits for index, task in enumerate(_tasks(trial, env, split, most))]


def _contents(trial: Trial, env: str, split: str, wrong: list[str]) -> set[str]:
    """The contents of a split's tasks; what is not right with their number goes to `wrong`."""
    _, counted = trial.client.post(f"/{env}/num_tasks", {"split": split})
    count = counted.get("num_tasks") if isinstance(counted, dict) else None
    if type(count) is not int:
        wrong.append(f"num_tasks of {split} is {count!r:.40}")
        return set()
    most = min(count, MOST_TASKS)
    tasks = _tasks(trial, env, split, most)
    if len(tasks) != most:
        wrong.append(f"{split} has {number_of(count, 'task')} by num_tasks, and lists {len(tasks)}")
    contents = {_content(task) for task in tasks}
    return contents if "" not in contents else _first_sights(trial, split, min(len(tasks), SHOWN))


def _first_sights(trial: Trial, split: str, count: int) -> set[str]:
    """What the first tasks of a split show at their beginning."""
    found = set[str]()
    for index in range(count):
        with trial.session(None, split=split, index=index) as (_, start):
            found.add(canonical_json(start.get("observation")))
    return found


def _tasks(trial: Trial, env: str, split: str, most: int) -> list[object]:
    """The first tasks of a split, asked for in ranges; all at once where the server has no ranges."""
    found: list[object] = []
    while len(found) < most:
        wanted = {"split": split, "start": len(found), "stop": min(most, len(found) + PAGE)}
        status, said = trial.client.post(f"/{env}/task_range", wanted)
        if status != 200:
            return _listed(trial.client.post(f"/{env}/tasks", {"split": split})[1])[:most]
        came = _listed(said)
        if not came:
            break
        found += came
    return found[:most]


def _listed(said: object) -> list[object]:
    tasks = said.get("tasks") if isinstance(said, dict) else None
    return tasks if isinstance(tasks, list) else []


def _content(task: object) -> str:
    """What is in a task; "" where it holds nothing but its numbers."""
    if not isinstance(task, Mapping):
        return canonical_json(task)
    inside = {name: value for name, value in task.items() if name not in NOT_CONTENT}
    return canonical_json(inside) if inside else ""
