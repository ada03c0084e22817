"""All graders in their order, and the judge that asks them one after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from sparring.faults import ServerFailed
from sparring.scoreboard.judge import many_sessions, protocol, same_again, task_pages, whole_episodes
from sparring.scoreboard.judge.client import Client
from sparring.scoreboard.judge.grades import Grade, Grader, Report, Skip
from sparring.scoreboard.judge.trial import Trial

GRADERS = (
    Grader(
        "pages",
        "asked for GET /health, /metadata, /schema, and POST /mcp {}",
        'status "healthy"; a name and a description; schemas of action, observation and state; jsonrpc "2.0"',
        protocol.pages_are_there,
    ),
    Grader(
        "reset",
        "opened a session and reset it",
        "an observation, and done is false",
        protocol.a_reset_answers_an_observation,
    ),
    Grader(
        "step before reset",
        "opened a session and stepped at once",
        "an error: a client whose socket broke would play on in an episode that nobody began",
        protocol.a_step_before_a_reset_is_an_error,
    ),
    Grader(
        "seed",
        "reset 20 times with seed 1234, with other episodes between and on new sessions",
        "one observation: pass the seed of reset() to everything that draws",
        same_again.one_seed_starts_one_episode,
    ),
    Grader(
        "other seeds",
        "reset with 16 seeds and played the same actions",
        "not all the same: a seed chooses the task",
        same_again.other_seeds_start_other_episodes,
    ),
    Grader(
        "determinism",
        "played the episodes of three seeds on one session, and the same actions on another one",
        "equal observations, rewards and ends",
        same_again.episodes_come_again,
    ),
    Grader(
        "isolation",
        "played two episodes alone, then both at once, a step of each in turn",
        "equal transcripts: a session shares no state and no random generator with another one",
        same_again.sessions_do_not_touch_each_other,
    ),
    Grader(
        "replay",
        "replayed the first transcript on a new connection, after another episode on it",
        "the transcript that was recorded: reset leaves nothing of the episode before",
        same_again.a_new_connection_replays,
    ),
    Grader(
        "state",
        "reset with an episode_id, and asked for the state after every step",
        "the episode_id that was given, and the exact step_count",
        whole_episodes.state_is_exact,
    ),
    Grader(
        "rewards",
        "looked at every reward of random play",
        "finite numbers, no true or false, no null, within the declared range",
        whole_episodes.rewards_are_finite_numbers,
    ),
    Grader(
        "after the end",
        "stepped twice more when an episode was over",
        "an error, or done again, with the same observation and no reward",
        whole_episodes.the_end_is_stable,
    ),
    Grader(
        "floor",
        "played by random actions, and by one action again and again",
        "surely less than three quarters of what the solution gets, or of the most that is declared",
        whole_episodes.effortless_play_gets_little,
    ),
    Grader(
        "solution",
        "played the solutions that the metadata of resets name, else those of tasks",
        "the episode ends, and the return is above that of random play",
        whole_episodes.the_solution_solves,
    ),
    Grader(
        "tasks",
        "compared the tasks of all splits by content, and reset into each split",
        "no task is in two splits, and as many as num_tasks says",
        task_pages.splits_are_disjoint,
    ),
    Grader(
        "bad input",
        "sent broken JSON, a list, an unknown type, and actions that are missing or of a wrong type",
        "an error each, and the server plays as before",
        protocol.garbage_is_an_error,
    ),
    Grader(
        "long input",
        "sent a step with ten million characters",
        "an error or an observation, and the server plays as before",
        protocol.a_long_text_does_no_harm,
    ),
    Grader(
        "sessions",
        "opened up to 64 sessions, dropped them without a word, and opened them again",
        "a refusal is CAPACITY_REACHED, and every slot comes back",
        many_sessions.slots_come_back,
    ),
    Grader(
        "statistics",
        "played random episodes, one a seed",
        "episodes end, and some action is taken",
        whole_episodes.lengths_and_returns,
    ),
)


def judge(
    client: Client,
    url: str,
    actions: Sequence[str] = (),
    episodes: int = 20,
    on_grade: Callable[[Grade], object] = lambda grade: None,
) -> Report:
    """Grade a server. `actions`: what to play instead of what the server lists; `episodes`: for the statistics.

    Raises ServerFailed where no server answers, ValueError for actions that its schema has no room for.
    """
    if episodes < 2:
        raise ValueError(f"episodes must be >= 2, got {episodes}")
    started, trial = time.perf_counter(), Trial(client, actions, episodes)
    name = str(trial.facts.get("name", "an environment"))
    for action in actions:
        trial.form.payload(action)
    grades = []
    for grade in _grades(trial):
        on_grade(grade)
        grades.append(grade)
    return Report(url, name, tuple(grades), time.perf_counter() - started)


def _grades(trial: Trial) -> Iterator[Grade]:
    gone = ""
    for grader in GRADERS:
        if gone:
            yield Grade(
                grader.name, "SKIP", grader.did, f"the server does not answer any more, since: {gone}", grader.right
            )
            continue
        grade = _grade(grader, trial)
        yield grade
        if grade.verdict == "FAIL" and not _answers(trial):
            gone = grader.name


def _grade(grader: Grader, trial: Trial) -> Grade:
    try:
        seen = grader.look(trial)
    except Skip as reason:
        return Grade(grader.name, "SKIP", grader.did, str(reason), grader.right)
    except (ServerFailed, TimeoutError, ValueError) as error:  # ValueError: it lists what its schema does not take
        return Grade(grader.name, "FAIL", grader.did, str(error), grader.right)
    return Grade(grader.name, "PASS" if seen.is_right else "FAIL", grader.did, seen.text, grader.right)


def _answers(trial: Trial) -> bool:
    try:
        trial.client.get("/health")
    except ServerFailed:
        return False
    return True
