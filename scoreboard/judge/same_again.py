"""Graders of what must come again: seeds, transcripts, sessions side by side."""

from __future__ import annotations

from sparring.content import canonical_json
from sparring.scoreboard.judge.grades import Seen, Skip
from sparring.scoreboard.judge.trial import Transcript, Trial, aside, compared, difference, first_path

SEED = 1234
RESETS = 20
SEEDS = range(16)
COMPARED = (3, 4, 5)
"""Seeds whose whole episodes are compared."""


def one_seed_starts_one_episode(trial: Trial) -> Seen:
    """Twenty resets with one seed, half on one session with other episodes between, half on new sessions."""
    starts = []
    with trial.session(SEED) as (session, start):
        starts.append(start)
        for other in range(RESETS // 2 - 1):
            trial.played(session, other)
            starts.append(session.ask("reset", {"seed": SEED}))
    for _ in range(RESETS // 2):
        with trial.session(SEED) as (_, start):
            starts.append(start)
    different = {canonical_json(compared(start)) for start in starts}
    if len(different) == 1:
        return Seen(f"{RESETS} equal answers")
    found = next(filter(None, (first_path(compared(starts[0]), compared(start)) for start in starts)))
    return Seen(f"{len(different)} different answers: {found}", False)


def other_seeds_start_other_episodes(trial: Trial) -> Seen:
    """Sixteen seeds, and the same actions on each."""
    with trial.session(0) as (session, _):
        recorded = trial.played(session, 0)
        episodes = [trial.replayed(session, Transcript(seed, {}, recorded.actions)) for seed in SEEDS]
    starts = {canonical_json(compared(episode.start)) for episode in episodes}
    whole = {canonical_json([compared(answer) for answer in (one.start, *one.answers)]) for one in episodes}
    if len(whole) == 1:
        raise Skip(f"{len(SEEDS)} seeds give one episode: the environment draws nothing, or the seed is dropped")
    return Seen(f"{len(starts)} starts and {len(whole)} episodes from {len(SEEDS)} seeds")


def episodes_come_again(trial: Trial) -> Seen:
    """Three seeds, each played on one session and again on another one with the same actions."""
    notes = []
    for seed in COMPARED:
        with trial.session(seed) as (session, _):
            recorded = trial.played(session, seed)
        with trial.session(seed) as (session, _):
            again = trial.replayed(session, recorded)
        if found := difference(recorded, again):
            return Seen(f"seed {seed} differs {found}", False)
        notes.append(aside(recorded, again))
    note = next(filter(None, notes), "")
    text = f"{len(COMPARED)} equal episodes"
    return Seen(f"{text}; but {note}, so that stored episodes do not verify to the last field" if note else text)


def a_new_connection_replays(trial: Trial) -> Seen:
    """What was recorded first is replayed at the end, on a session that has played something else before."""
    recorded = trial.episodes[0]
    with trial.session(SEED) as (session, _):
        trial.played(session, SEED)
        again = trial.replayed(session, recorded)
    if found := difference(recorded, again):
        return Seen(found, False)
    return Seen(f"the episode of seed {recorded.seed} came again, {len(recorded.actions)} actions")


def sessions_do_not_touch_each_other(trial: Trial) -> Seen:
    """Two episodes alone, then both at once, a step of each in turn."""
    if trial.most_at_once < 2:
        raise Skip("the server has one session at a time")
    if not trial.comes_again:
        raise Skip("an episode does not come again alone either")
    seeds = COMPARED[:2]
    with trial.session(0) as (session, _):
        alone = [trial.played(session, seed) for seed in seeds]
    with trial.session(seeds[0]) as (first, start), trial.session(seeds[1]) as (second, other_start):
        at_once = [Transcript(seeds[0], start), Transcript(seeds[1], other_start)]
        for place in range(max(len(episode.actions) for episode in alone)):
            for session, made, recorded in zip((first, second), at_once, alone, strict=True):
                if place < len(recorded.actions):
                    trial.step(session, made, recorded.actions[place])
    for recorded, made in zip(alone, at_once, strict=True):
        if found := difference(recorded, made):
            return Seen(f"beside another session the episode of seed {recorded.seed} differs {found}", False)
    return Seen("both came as they do alone")
