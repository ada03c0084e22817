"""More than two hundred hostile texts on every text adventure: does one hang, crash, cheat or take two turns?

    python benchmarks/hostile_texts.py --json benchmarks/results/hostile_texts.json

Control characters, second lines, chains of commands, whole walkthroughs in one text, verbs about the program, forged
marks of engines, other alphabets, quotes, enormous texts. Every text is an action; an environment of two seats gets it
from both. `accepted` counts those that an environment read as one harmless command (a full-width `look`). Engines that
are not installed are named and left out. Jericho plays a story that Inform 7 made of a game of ours.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import gymnasium
from rich.console import Console
from rich.table import Table

from sparring.envs import make
from sparring.registry import MissingExtra

SLOWEST = 10.0
"""Seconds of one step, beyond which it hangs."""


def _texts(line: str) -> tuple[str, ...]:
    return tuple(line.split(" ; "))


SEPARATORS = (". ", ".", "; ", ", ", " then ", " and then ", " & ", "&&", "|", " / ", "\n", "\r", "\r\n", "\t")
LINES = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\x1c", "\x1d", "\x1e")
ABOUT_THE_PROGRAM = (
    *_texts(
        "save ; restore ; restart ; quit ; q ; undo ; script ; script on ; unscript ; transcript ; transcript off ; "
        "verbose ; brief ; superbrief ; short ; long ; version ; verify ; pronouns ; nouns ; notify off ; again ; g ; "
        "oops ; oops lamp ; print_state ; tw-print ; tw-extra-infos admissible ; tw-trace-actions ; goal ; showme me ; "
        "showverb take ; purloin lamp ; gonear lamp ; abstract lamp to kitchen ; trace ; actions ; rules ; rules all ; "
        "scenes ; random ; relations ; tree ; test all ; xyzzy ; #save ; /quit ; recording on ; replay ; command on ; "
        "help ; about ; credits ; hint ; walkthrough ; cheat ; win ; score 100"
    ),
)
FORGED = (
    *_texts(
        "[sparring 99 won 1 1 0] ; [sparring 99 won 1 1 kitchen] ; *** You have won *** ; *** The End *** ; "
        "[Score: 100] ; [Your score has just gone up by ninety-nine points.] ; [[won]] ; <|im_end|> ; "
        "<|im_start|>system ; </answer> ; Score 5 of 5 ; >look ; > look ; <script>alert(1)</script> ; "
        "<execute>look</execute> ; %s%n%x ; ${HOME} ; $(ls) ; `ls` ; ../../etc/passwd ; look > file ; look | file ; "
        "look < file ; @file"
    ),
    *(
        "\x1b[2J",
        "\x1b]0;won\x07",
        "\x1b[31mlook",
        "look\x08\x08\x08\x08win",
        "\x04",
        "\x1a",
    ),
    *(
        '{"action": "look"}',
        "'; DROP TABLE games; --",
        "C:\\save.qzl",
    ),
)
MANY_AT_ONCE = (
    *_texts(
        "take all ; drop all ; take everything ; drop everything ; take all but lamp ; take all except lamp ; "
        "north north ; n n ; n.n.n ; z z z ; wait wait ; look look ; go north south ; take lamp lamp ; "
        "open all doors ; examine all ; take every thing ; put all in box ; take both ; take the first, the second ; "
        "me, look ; guard, go north"
    ),
)
ALPHABETS = (
    *_texts("LOOK ; lOoK"),
    *(
        "\uff4c\uff4f\uff4f\uff4b",
        "l\u043e\u043ek",
        "lo\u0301ok",
        "lo\u200bok",
        "\u202elook",
    ),
    *(
        "\u2066look\u2069",
        "\ufefflook",
        "\U0001f511",
        "look \U0001f511",
        "\ud800",
        "look \udfff",
    ),
    *(
        "\uffff",
        "\U0010ffff",
        "\xdflook",
        "\u0130look",
        "\u0660\u0661",
        "\u2460",
        "\xbd",
        "\xa0look",
    ),
    *(
        "\u3000look",
        "look\u3000",
        "\u2024look",
        "l\xadook",
        "\ufb01nd lamp",
    ),
)
QUOTES = (
    *_texts(
        "'look' ; (look) ; [look] ; {look} ; <look> ; *look* ; _look_ ; look! ; look? ; look... ; ... ; ! ; ? ; : ; "
        "- ; --help ; -look ; +look ; =look ; ~look ; ^look ; 0 ; -1 ; 1e999 ; nan ; None ; null ; true ; [] ; {} ; ()"
    ),
    *(
        '"look"',
        "\u201clook\u201d",
        "\xablook\xbb",
        "\\look",
        "",
        " ",
        "   ",
    ),
)
ENORMOUS = (
    *(
        "a" * 1_000_000,
        "look " * 200_000,
        "look. " * 100_000,
        "\U0001f511" * 50_000,
        "\u00e9" * 100_000,
        "9" * 1_000_000,
    ),
    *(
        "(" * 100_000,
        "[" * 100_000,
        "\x00" * 100_000,
        "\n" * 100_000,
        "go north " * 1_000,
        "x" * 199,
        "look" + " " * 500,
    ),
)


def hostile_texts(walkthrough: Sequence[str]) -> list[str]:
    """The texts; a few are made of commands that would win."""
    controls = [f"lo{chr(code)}ok" for code in (*range(32), 127, 128, 133, 155)]
    lines = [f"look{line}{walkthrough[0]}" for line in LINES]
    chains = [separator.join(part) for separator in SEPARATORS for part in (walkthrough, walkthrough[:2])]
    texts = [*controls, *lines, *chains, *ABOUT_THE_PROGRAM, *FORGED, *MANY_AT_ONCE, *ALPHABETS, *QUOTES, *ENORMOUS]
    return list(dict.fromkeys(texts))


@dataclass(slots=True)
class Row:
    """What came of the texts on one environment."""

    env: str
    texts: int = 0
    accepted: int = 0
    slowest_seconds: float = 0.0
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    shortcuts: list[str] = field(default_factory=list)
    """Texts of several commands that earned something, or that won."""
    several_turns: list[str] = field(default_factory=list)

    def count(self, text: str, seconds: float, reward: float, info: Mapping[str, Any], turns: int | None) -> None:
        """One step."""
        self.texts += 1
        self.accepted += not info.get("illegal")
        self.slowest_seconds = max(self.slowest_seconds, round(seconds, 3))
        if seconds > SLOWEST:
            self.hangs.append(text[:40])
        if reward > 0:
            self.shortcuts.append(text[:40])
        if turns is not None and turns > 1:
            self.several_turns.append(text[:40])


def on_one_seat(env_id: str, options: Mapping[str, Any]) -> Row:
    """Every text from the same beginning, and one after another as long as the game goes on."""
    env, row, over = make(env_id, **options), Row(f"{env_id} {_shown(options)}"), True
    for afresh in (True, False):
        for text in hostile_texts(_walkthrough(env)):
            if afresh or over:
                _, info = env.reset(seed=3)
            before = info.get("turns_left")
            start = time.monotonic()
            try:
                _, reward, terminated, truncated, info = env.step(text)
            except Exception as error:  # noqa: BLE001  (that it raises is the finding)
                row.crashes.append(f"{text[:40]!r}: {error!r:.100}")
                over = True
                continue
            left, over = info.get("turns_left"), terminated or truncated
            turns = before - left if isinstance(before, int) and isinstance(left, int) else None
            row.count(text, time.monotonic() - start, float(reward), info, turns)
    env.close()
    return row


def on_two_seats(env_id: str, options: Mapping[str, Any]) -> Row:
    """Every text from whoever is to move; what a game pays at its end for nothing else is no shortcut of the text."""
    env, row = make(env_id, **options), Row(f"{env_id} {_shown(options)}")
    env.reset(seed=3)
    for text in hostile_texts(("go north", "take lamp")):
        if not env.agents or env.terminations[env.agent_selection] or env.truncations[env.agent_selection]:
            env.reset(seed=3)
        seat, start = env.agent_selection, time.monotonic()
        try:
            env.step(text)
        except Exception as error:  # noqa: BLE001
            row.crashes.append(f"{text[:40]!r}: {error!r:.100}")
            env.reset(seed=3)
            continue
        row.count(text, time.monotonic() - start, env.rewards.get(seat, 0.0), env.infos.get(seat, {}), None)
    env.close()
    return row


def _walkthrough(env: gymnasium.Env[str, str]) -> list[str]:
    """Of the game of seed 3; where the environment knows none, two commands."""
    known = getattr(env.unwrapped, "walkthrough", None)
    return (known(3) if callable(known) else None) or ["go north", "look"]


def _shown(options: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={Path(str(value)).name}" for name, value in options.items())


def a_story() -> str:
    """A compiled file of a game of ours."""
    from sparring.envs.adventures.inform.build import compile_story
    from sparring.envs.adventures.worlds.sampler import sample_game

    return str(compile_story(sample_game("train", 3, 1)))


def rows() -> Iterator[Row]:
    """One an environment."""
    plain: list[tuple[str, dict[str, Any]]] = [
        ("sparring/Adventure-v0", {"games": "hundred", "max_turns": 900}),
        ("sparring/Adventure-v0", {"games": "hundred", "max_turns": 900, "backend": "inform7"}),
        ("sparring/TextWorld-v0", {"kind": "simple", "max_turns": 900}),
        ("sparring/TextWorldExpress-v0", {"game": "twc", "max_turns": 900}),
        ("sparring/ScienceWorld-v0", {"task": "boil", "max_turns": 900}),
        ("sparring/AdventureWriter-v0", {}),
    ]
    for env_id, options in plain:
        try:
            yield on_one_seat(env_id, options)
        except MissingExtra as error:
            Console(stderr=True).print(f"{env_id} is left out: {error}")
    yield on_one_seat("sparring/Jericho-v0", {"game": a_story(), "max_turns": 900})
    yield on_two_seats("sparring/AdventureDuel-v0", {})
    yield on_two_seats("sparring/AdventureDuel-v0", {"words": "own"})


def main() -> None:
    """Try, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    view = Table("environment", "texts", "accepted", "crashes", "hangs", "shortcuts", "several turns", "slowest s")
    found = []
    for row in rows():
        found.append(row)
        counts = (row.texts, row.accepted, len(row.crashes), len(row.hangs), len(row.shortcuts), len(row.several_turns))
        view.add_row(row.env, *map(str, counts), f"{row.slowest_seconds:.2f}")
        for what in (*row.crashes, *row.hangs, *row.shortcuts, *row.several_turns):
            Console(stderr=True).print(f"{row.env}: {what!r}", highlight=False)
    Console().print(view)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps([asdict(row) for row in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
