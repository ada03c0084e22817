"""What a newcomer mistypes: one line says what was wrong; exit code 2, no traceback, nothing left behind."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sparring.cli.app import COMMANDS, main
from sparring.cli.interrupts import saying_what_is_kept
from sparring.cli.parsing import UsageError, in_one_line
from sparring.faults import in_words
from sparring.scoreboard.output import write_parts

WRONG = [
    ("trian", "did you mean 'train'?"),
    ("", "unknown command ''; `sparring --help` lists all "),
    ("paly KuhnPoker", "did you mean 'play'"),
    ("version --verbose", "unknown command 'version'"),
    ("help trian", "did you mean 'train'?"),
    ("--verbose", "--verbose"),
    ("check KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("check http://127.0.0.1:9", "the OpenEnv server at http://127.0.0.1:9 failed: connection refused"),
    ("check http://127.0.0.1:9 --episodes 1", "episodes must be >= 2, got 1"),
    ("check http://127.0.0.1:9 --actions nowhere", "nowhere: there is no such file or folder"),
    ("check http://", "the address of an OpenEnv server must begin with http:// or https://, got 'http://'"),
    (
        "check KuhnPoker --episodes 5",
        "--actions and --episodes are for a server's address, http://..., got 'KuhnPoker'",
    ),
    ("play openenv", "openenv is a library of environments: write openenv:URL"),
    ("play openenv:http://me:secret@127.0.0.1:9 --agents random", "no name and password: openenv:http://127.0.0.1:9"),
    ("play openenv:localhost --agents random", "must begin with http:// or https://, got 'localhost'"),
    ("play openenv:http://127.0.0.1:9 --agents random", "the OpenEnv server at http://127.0.0.1:9 failed: connection"),
    (
        "play agentgym:http://127.0.0.1:9 --agents random",
        "the AgentGym server at http://127.0.0.1:9 failed: connection",
    ),
    ("play", "missing: "),
    ("tournament", "missing: "),
    ("tournament --envs KuhnPokr --agents random,cfr --store s", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("tournament --envs KuhnPoker --agents random,cfrr --store s", "did you mean 'cfr'"),
    ("tournament --envs KuhnPoker --agents random,random --store s", "agents must be different, got random, random"),
    ("tournament --envs KuhnPoker,KuhnPoker --agents random,cfr --store s", "envs must be different, got"),
    ("tournament --envs KuhnPoker --agents random,cfr --store s --rounds 0", "rounds must be >= 1, got 0"),
    ("tournament --envs KuhnPoker --agents random,cfr --store s --minutes 0", "minutes must be a number > 0, got 0"),
    ("tournament --envs KuhnPoker --agents random,cfr --store s --width nan", "width must be a number > 0, got nan"),
    ("tournament --envs KuhnPoker --agents random --store s", "nobody can play anybody"),
    ("tournament --envs KuhnPoker --agents random,cfr --store s -o no/b.html", "there is no folder no"),
    ("exact", "missing: "),
    ("exact KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("exact ConnectFour", "has more than 20000 positions: too many to be measured exactly"),
    ("exact TicTacToe --orders", "--orders is for games that hide something"),
    ("exact KuhnPoker --agents random,random", "agents must be different, got random, random"),
    ("exact KuhnPoker --agents random,human", "human shows no probabilities"),
    ("board", "name at least one store"),
    ("board nowhere", "nowhere"),
    ("board nowhere --replays -1", "replays must be >= 0, got -1"),
    ("verify", "name at least one run folder or store"),
    ("verify nowhere --board nowhere.html", "nowhere.html"),
    ("play Nimm", "unknown environment 'Nimm'; did you mean 'sparring/Nim-v0'?"),
    ("play zzzz", "unknown environment 'zzzz'; `sparring envs` lists all "),
    ("play KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("play OpenSpeil:game=nim", "did you mean 'sparring/OpenSpiel-v0'?"),
    ("play OpenSpiel:game=nimm", "unknown OpenSpiel game 'nimm'; did you mean 'nim'"),
    ("play KuhnPoker:max_turns=0", "max_turns must be"),
    ("play KuhnPoker:max_turns=1.5", "must be a whole number or none, got '1.5'"),
    ("play gym:FrozenLake-v1:instructions=5", "instructions of environment gym:FrozenLake-v1 must be true or false"),
    ("check openspiel:crossword", "got 'crossword': LegalActions unimplemented"),
    ("play openspiel:nfg_game", "got 'nfg_game': map::at; parameters of nfg_game: filename"),
    ("play openspiel:crossword", "got 'crossword': LegalActions unimplemented"),
    ("play openspiel:hex(board_size=0)", "got 'hex(board_size=0)': basic_string"),
    (
        "play pettingzoo:pettingzoo.classic.rps_v2",
        "unknown PettingZoo module 'pettingzoo.classic.rps_v2'; did you mean 'classic.rps_v2'",
    ),
    ("play KuhnPoker --episods 3", "did you mean --episodes?"),
    ("play KuhnPoker --episodes many", "--episodes"),
    ("play KuhnPoker --episodes 1.5", "--episodes"),
    ("play KuhnPoker --episodes -1", "episodes must be >= 1, got -1"),
    ("play KuhnPoker --agents randm,cfr", "did you mean 'random'?"),
    ("play KuhnPoker --agents constant,cfr", "needs an argument after a colon"),
    ("play KuhnPoker --store /proc/games", "cannot write /proc/games: no file can be made in /proc"),
    ("play KuhnPoker --store FILE", "FILE"),
    ("play KuhnPoker --store FILE/games", "FILE: a part of this path is a file, and a folder is wanted"),
    ("play KuhnPoker --agents random,cfr --page", "--page is for one person: name human once in --agents"),
    ("play KuhnPoker --agents human,human --page", "--page is for one person: name human once in --agents"),
    ("play KuhnPoker --agents human --page", "sparring/KuhnPoker-v0 has 2 seats (player_0, player_1), got 1 agent"),
    ("play KuhnPoker --agents human,cfr --page --port 70000", "port must be in 0..65535, got 70000"),
    ("play KuhnPoker --agents human,cfr --page --host 203.0.113.1", "cannot listen at 203.0.113.1:0"),
    ("play KuhnPoker --seed x", "--seed must be a whole number, got 'x'; see `sparring play --help`"),
    ("play KuhnPoker --ray head", "--ray must be HOST:PORT of a cluster's head, auto (the cluster on this machine)"),
    ("play KuhnPoker --ray ray://head:10001", "got 'ray://head:10001'"),
    ("eval cfr --ray 127.0.0.1:1", "no Ray cluster answers at 127.0.0.1:1 (Connection refused): `ray start --head`"),
    ("play KuhnPoker --agents human,random --ray", "human plays at this terminal, and --ray plays elsewhere"),
    ("train spiral --run r --ray head", "--ray must be HOST:PORT"),
    ("play KuhnPoker --json x", "see `sparring play --help`"),
    (
        "play ToolTasks --agents random,random",
        "ToolTasks-v0 has one seat, in which every agent plays alone: 'random' is",
    ),
    ("play KuhnPoker --agents openai:m:url=localhost,cfr", "url must begin with http:// or https://, got 'localhost'"),
    ("play ToolTasks --agents code-act:vllm:nano:dtype=half", "has no option 'dtype'; it takes cache_gb"),
    ("train spiral --run r --engine vlm", "vlm"),
    ("play KuhnPoker --agents nano:sede=3,cfr", "agent 'nano' has no option 'sede'; it takes decoding, device"),
    ("play KuhnPoker --agents random", "has 2 seats (player_0, player_1), got 1 agent"),
    ("adventures sampel", "unrecognized options: sampel; available subcommands: sample, write, prove, play, starling"),
    ("adventures starling", "missing: --run"),
    ("reflection", "name at least one run folder or store"),
    ("reflection nowhere", "nowhere"),
    ("reflection FILE", "FILE"),
    ("reflection EMPTY", "EMPTY"),
    ("play TicTacToe --agents mcts:simulations=0,random", "simulations must be >= 1, got 0"),
    ("play TicTacToe --agents openspiel:mctz,random", "unknown bot of OpenSpiel 'mctz'; did you mean 'mcts'?"),
    (
        "eval torch:nowhere.pt --env TicTacToe",
        "agent 'torch' needs a file, torch:PATH, and there is none at 'nowhere.pt'",
    ),
    ("eval sb3:nowhere.zip --env TicTacToe", "agent 'sb3' needs a file, sb3:PATH, and there is none at 'nowhere.zip'"),
    ("eval torch:FILE --env TicTacToe", "is no module that can be loaded"),
    ("compare-methods", "missing: --run"),
    ("compare-methods --run r --env FrozenLake", "unknown environment 'FrozenLake'"),
    ("compare-methods --run r --env KuhnPoker", "env must have one seat, sparring/KuhnPoker-v0 has 2"),
    ("compare-methods --run r --env Critique --budget some", "--budget must be a number, got 'some'"),
    ("compare-methods --run r --env Critique --budget 0", "budget must be >= 1, got 0"),
    ("compare-methods --run r --env Critique --methods magic", "unknown method 'magic'"),
    (
        "compare-methods --run r --env gym:FrozenLake-v1",
        "self cannot be compared here; leave it out: --methods self-training,re-rest,agent-evol,grpo (teacher:",
    ),
    ("compare-methods --run r --env Critique --games-per-update 7", "games_per_update must be a multiple of attempts"),
    ("compare-methods --run r --env Critique --device tpu", "device must be auto, cpu, or one that torch finds"),
    ("compare-methods --run nowhere --resume", "holds no comparison.json: leave out --resume to start one there"),
    ("compare-methods --run /proc/r --env Critique --methods grpo", "cannot write /proc/r"),
    ("train agent-evol --run r --envs Critique --attempts 5", "games_per_update must be a multiple of attempts, 5"),
    ("train agent-evol --run r --envs Critique:split=held_out", "held-out tasks, which are not to be trained on"),
    ("train agent-evol --run r --envs Critique --from nowhere", "nowhere"),
    ("train re-rest --run r --envs Critique --reflections 0", "reflections must be >= 1, got 0"),
    ("train re-rest --run r --envs KuhnPoker", "re-rest needs environments of one seat"),
    ("train self --run r --envs Critique --teacher minimax", "teacher: agent 'minimax' cannot play"),
    ("train self --run r --envs Critique --words", "words needs decoding 'free', got decoding 'legal'"),
    ("train self-judge --run r --envs Critique --attempts 1", "attempts must be >= 2, so that there are pairs, got 1"),
    ("train sharpening --run r --envs Critique --beta 2", "beta is used only with form rlhf"),
    ("train sharpening --run r --envs Critique --form rlhf --beta 0", "beta must be > 0, got 0"),
    ("train kdrl --run r --envs Critique", "kdrl needs a teacher: --teacher MODEL"),
    ("play Critique:words=maybe --agents random", "words of environment sparring/Critique-v0 must be true or false"),
    ("play Critique:split=all --agents random", "split of environment sparring/Critique-v0 must be train or held_out"),
    ("play Judge:better=both --agents random", "better must be first, second or None"),
    ("play Search:k=0 --agents random", "k must be a whole number >= 1, got 0"),
    ("play Search:world=fictoin --agents random", "unknown world 'fictoin'; did you mean 'fiction'?"),
    ("play Search:retriever=nowhere --agents random", "nowhere is no index: it has no manifest.json"),
    ("play Search:retriever=http://127.0.0.1:9 --agents random", "the retriever at http://127.0.0.1:9 failed"),
    ("play Search:kinds=riddle --agents random", "kinds must be some of chain, comparison"),
    ("play Eliminate:size=1 --agents random", "size must be a whole number from 2 to 100, got 1"),
    ("play Search --agents searcher:skill=2", "skill must be a probability from 0 to 1, got 2"),
    ("play Search --agents sim-rag:nano:critic=nowhere", "nowhere is no critic: it has no critic.json"),
    ("adventures starling --run r --targets zork", "targets must be some of held-out, cooking, twc, each once"),
    ("adventures starling --run r --batch 9", "batch must be a multiple of group_size, 4, got 9"),
    ("adventures starling --run r --train-games 76", "train_games of the hundred must be at most 75, got 76"),
    ("adventures starling --run r --resume", "r holds no protocol.json"),
    ("adventures starling --run FILE", "FILE already exists and is no protocol of ours"),
    ("adventures starling --run r --targets held-out --model nowhere/here", "nowhere/here"),
    ("adventures write -o games", "missing: --ideas"),
    ("adventures write --ideas nowhere.txt -o games --model nano", "nowhere.txt: there is no such file or folder"),
    ("adventures write --ideas FILE -o games --model nan", "unknown model 'nan'; did you mean 'nano'"),
    ("adventures write --ideas FILE -o games --difficulty 6", "difficulty must be from 1 to 5, got 6"),
    ("adventures write --ideas FILE -o FILE --model nano", "FILE is a file: -o takes a folder"),
    ("adventures sample --count 0 -o games", "count must be >= 1, got 0"),
    ("adventures sample -o FILE/games", "FILE/games: a part of this path is a file"),
    ("adventures play nowhere.json", "nowhere.json: there is no such file or folder"),
    ("adventures play FILE", "FILE is no game: game: it must be one JSON object"),
    ("train spirl --run r", "did you mean 'spiral'?"),
    ("train spiral", "missing: --run"),
    ("train spiral --run r --steps 0", "steps must be >= 1, got 0"),
    (
        "train spiral --run r --steps 1e3",
        "--steps must be a whole number, got '1e3'; see `sparring train spiral --help`",
    ),
    ("train spiral --run r --learning-rate x", "--learning-rate must be a number, or None, got 'x'; see"),
    ("train spiral --run r --stepps 3", "did you mean --steps?"),
    ("train spiral --run r --estimator ray", "rae"),
    ("train spiral --run r --probe-every -1", "probe_every must be >= 0, got -1"),
    ("train spiral --run /proc/r --steps 1 --device cpu", "/proc/r"),
    ("train spiral --run r --resume", "there is no run in r to go on with"),
    ("train spiral --run=", "--run needs a name, such as --run runs/first"),
    ("play KuhnPoker --store=", "--store needs a name"),
    ("report r -o=", "-o needs a name"),
    ("eval cfrr", "did you mean 'cfr'?"),
    ("eval random --games x", "--games must be a whole number, got 'x'; see `sparring eval --help`"),
    ("eval random --games -3", "games must be >= 0, got -3"),
    ("report -o r.html", "at least one run folder"),
    ("report nowhere -o r.html", "nowhere is not a run folder"),
    ("runs nowhere", "there is no folder nowhere"),
    ("runs FILE", "there is no folder FILE"),
    ("compare nowhere", "at least two run folders, or stores, got 1"),
    ("compare nowhere elsewhere", "nowhere is not a run folder"),
    ("watch nowhere", "nowhere is not a run folder"),
    ("serve --envs KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("serve", "name what is to be served: --envs KuhnPoker,Adventure or --model smollm2"),
    ("serve --envs KuhnPoker --host 0.0.0.0", "others can reach 0.0.0.0: set SPARRING_TOKEN"),
    ("serve --envs KuhnPoker --opponents randm", "did you mean 'random'?"),
    ("replay nowhere", "no episode store at nowhere"),
    ("replay nowhere --last 0", "last must be >= 1, got 0"),
    ("verify nowhere", "no episode store at nowhere"),
    ("verify FILE", "no episode store at FILE"),
    ("data nowhere -o rows.jsonl --kind sfd", "sft"),
    ("export", "missing: "),
    ("export nowhere --to verifiers -o e.jsonl", "no episode store at nowhere"),
    ("export nowhere --to verifier -o e.jsonl", "unknown format 'verifier'; did you mean 'verifiers'"),
    ("export nowhere --to verifiers", "missing: -o PATH, --output PATH"),
    ("export nowhere --to verifiers -o FILE", "FILE exists already: remove it, or choose another name"),
    ("export nowhere --to verifiers -o /proc/x", "cannot write /proc/x: no file can be made in /proc"),
    ("export nowhere --to verifiers -o e.jsonl --limit -1", "limit must be >= 0, got -1"),
    ("export nowhere --to verifiers -o e.jsonl --env KuhnPokr", "did you mean 'sparring/KuhnPoker-v0'?"),
    ("import", "missing: "),
    ("import nowhere --from openai --store s", "nowhere: there is no such file or folder"),
    ("import FILE --from openai --store s", "FILE line 1 is no JSON"),
    ("import FILE --from opanai --store s", "unknown format 'opanai'; did you mean 'openai'"),
    ("import FILE --from atif --store s", "atif can only be exported; what can be imported: training-trace, verifiers"),
    ("import EMPTY --from openai --store s", "EMPTY"),
    ("store reindx nowhere", "reindex"),
    ("store copy games", "missing: "),
    ("store copy nowhere copy", "no episode store at nowhere"),
    ("store copy nosuch://x copy", "Protocol not known: nosuch"),
    ("store compact nowhere", "no episode store at nowhere"),
    (
        "store compact postgresql://me:secret@h/d",
        "only a store in a folder has segments to compact, got postgresql://me@",
    ),
    ("store export-parquet nowhere -o tables", "no episode store at nowhere"),
    ("store export-parquet nowhere", "missing: -o PATH, --output PATH"),
    ("verify postgresql://h/d?store=A-B", "store must be a name of small letters, digits and _"),
    ("verify postgresql://h/d?colour=red", "is no address of a database"),
    ("verify s3://bucket/games", "`sparring store copy` makes a store of it"),
    ("play KuhnPoker --store postgresql://127.0.0.1:1/d", "postgresql://127.0.0.1:1/d cannot be used: connection"),
    ("play KuhnPoker --store postgresql://h/d?store=A-B", "store must be a name of small letters, digits and _"),
    ("train imitate --run r --from postgresql://127.0.0.1:1/d", "postgresql://127.0.0.1:1/d cannot be used"),
    ("robot clon -o p.npz", "unrecognized options: clon"),
    ("robot clone", "missing: -o PATH, --output PATH"),
    ("robot clone -o p.npz --demos 0", "demos must be a whole number >= 1, got 0"),
    ("robot clone -o p.npz --tasks -1", "tasks must be a whole number >= 1, got -1"),
    ("robot clone -o p.npz --kind frames", "frames"),
    ("robot clone -o nowhere/p.npz", "there is no folder nowhere for p.npz"),
    ("robot clone -o FILE/p.npz", "there is no folder FILE for p.npz"),
    ("robot clone -o .", ". is a folder: name a file in it"),
    ("robot serve --executor scriptd", "unknown executor 'scriptd'; did you mean 'scripted'?"),
    ("robot serve --executor FILE", "FILE is no policy"),
    ("robot serve --executor cloned:nowhere.npz", "nowhere.npz: there is no such file or folder"),
    ("robot serve --port 70000", "port must be in 0..65535, got 70000"),
    ("robot verifier", "missing: -o PATH, --output PATH"),
    ("robot verifier -o nowhere/v.json", "there is no folder nowhere for v.json"),
    *(
        (f"{words} /proc/x", "cannot write /proc/x: no file can be made in /proc")
        for words in (
            *("robot clone -o", "robot verifier -o", "robot study faults -o", "report FILE -o"),
            *(
                "retrieval build fiction -o",
                "adventures write --ideas FILE -o",
                "sandbox grade FILE --tests FILE --junit",
            ),
            *("train spiral --run", "train sim-rag --run", "adventures starling --run"),
            "eval sap --suite robot --store",
        )
    ),
    ("robot verifier -o .", ". is a folder: name a file in it"),
    ("robot verifier -o v.json --episodes 1", "episodes must be >= 5, got 1"),
    ("robot study", "missing: {faults,verifiers,ablation}"),
    ("robot study parts", "invalid choice 'parts'"),
    ("robot study faults --episodes 1", "episodes must be >= 2, got 1"),
    ("robot study faults --rates 2", "--rates must be probabilities from 0 to 1, separated by commas, got '2'"),
    ("robot study faults --rates 0,nan", "--rates must be probabilities from 0 to 1, separated by commas, got '0,nan'"),
    ("robot study faults --task tidyy", "task must be one of bin, two, stack"),
    ("robot study faults -o nowhere/x.json", "there is no folder nowhere for x.json"),
    ("robot study verifiers --verifier FILE --blind FILE", "FILE is no verifier: "),
    ("play TabletopPlan:fault=2 --agents random", "the probability of a fault must lie between 0 and 1, got 2.0"),
    ("play TabletopPlan:verifier=truth --agents random", "the verifier must be oracle, noisy+fp=0.1+fn=0.1, rule"),
    ("play TabletopPlan:verifier=trained:FILE --agents random", "FILE is no verifier: "),
    ("play TabletopPlan:executor=scriptd --agents random", "unknown executor 'scriptd'; did you mean 'scripted'?"),
    ("play TabletopPlan:frames=7 --agents random", "frames must be 0 (none) or from 16 to 512 pixels, got 7"),
    ("play TabletopPlan:window=1:agree=2 --agents random", "agree must be at most window, got 2 of 1"),
    ("play TabletopPlan --agents verifier:oracle", "no agent sees the truth that the verifier 'oracle' needs"),
    ("play TabletopTeam --agents planner:scripted,random", "has 3 seats (planner, chooser, verifier), got 2 agents"),
    ("play TabletopTeam --agents random,random,teammate:x", "teammate must be teammate or teammate:FILE.json"),
    ("eval sap --suite robot --games 0", "a suite needs games >= 1, got 0"),
    ("retrieval buld fiction", "unrecognized options: buld, fiction; available subcommands: build, search, serve"),
    ("retrieval build fiction", "missing: -o PATH, --output PATH"),
    ("retrieval build fiktion -o index", "unknown world 'fiktion'; did you mean 'fiction'?"),
    ("retrieval build nowhere.jsonl -o index", "nowhere.jsonl: there is no such file or folder"),
    ("retrieval build FILE -o index", "FILE: a file of passages must end in .jsonl"),
    ("retrieval build fiction -o FILE", "FILE exists already and is no empty folder"),
    ("retrieval build fiction -o index --b 2", "k1 must be >= 0 and b from 0 to 1, got k1=1.2 and b=2.0"),
    ("retrieval build fiction -o index --engine bm52", "bm25"),
    ("retrieval search nowhere x", "nowhere is no index: it has no manifest.json"),
    ("retrieval search nowhere x -k 0", "k must be >= 1, got 0"),
    ("retrieval search http://127.0.0.1:1 x", "the retriever at http://127.0.0.1:1 failed: "),
    ("play Search:retriever=http://127.0.0.1:1", "the retriever at http://127.0.0.1:1 failed: connection refused"),
    ("play Search:retriever=nowhere", "nowhere is no index: it has no manifest.json"),
    ("retrieval serve nowhere", "nowhere is no index: it has no manifest.json"),
    ("retrieval serve nowhere --port x", "--port must be a whole number, got 'x'; see"),
    ("sandbox runn FILE", "run"),
    ("sandbox run nowhere.py", "sparring: nowhere.py: there is no such file or folder"),
    ("sandbox run .", "sparring: .: it is a folder, and a file is wanted"),
    ("sandbox run FILE --tests nowhere.json", "nowhere.json: there is no such file or folder"),
    ("sandbox run FILE --files nowhere", "nowhere: there is no such file or folder"),
    ("sandbox grade FILE --tests .", ".: it is a folder, and a file is wanted"),
    ("sandbox run FILE --limits.wall-seconds x", "--limits.wall-seconds must be a number, got 'x'; see"),
    (
        "sandbox run FILE --limits.memory-bytes 12XB",
        "--limits.memory-bytes must be a whole number, or a size such as 256MB, got '12XB'; see `sparring sandbox run",
    ),
]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty place but for a file that is nothing of ours."""
    (tmp_path / "FILE").write_text("years of work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "said"), WRONG, ids=[words or "an empty word" for words, _ in WRONG])
def test_a_wrong_input_gets_one_line_and_leaves_nothing(place, capsys, words, said):
    assert main(words.split() or [""]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1, printed.err
    assert printed.err.startswith("sparring: ")
    assert said in printed.err
    assert not re.search(r"Errno|literal|<class|convert", printed.err)
    assert [(path.name, path.read_text()) for path in place.iterdir()] == [("FILE", "years of work")]


def test_there_are_at_least_thirty_wrong_inputs_of_every_command():
    assert len(WRONG) >= 30
    assert {words.split()[0] for words, _ in WRONG if words} >= set(COMMANDS) - {"envs", "doctor"}


@pytest.mark.parametrize(("words", "same"), [(["help"], ["--help"]), (["help", "play"], ["play", "--help"])])
def test_help_is_a_command_too(capsys, words, same):
    assert main(words) == main(same) == 0
    first, _, second = capsys.readouterr().out.partition("usage: ")[2].partition("usage: ")
    assert first == second != ""


def test_version_is_a_command_too(capsys):
    assert main(["version"]) == main(["--version"]) == 0
    assert len(set(capsys.readouterr().out.splitlines())) == 1


def test_a_box_becomes_its_fault_what_is_near_and_the_help_to_read():
    box = """
╭─ Unrecognized options ────────────╮
│ Unrecognized options: --episods   │
│ ───────────────────────────────── │
│ Perhaps you meant:                │
│     --episodes INT                │
│         How many. (default: 100)  │
│         in sparring play --help   │
│ ───────────────────────────────── │
│ For full helptext, run sparring --help │
╰───────────────────────────────────╯
"""
    said = in_one_line(box.strip())
    assert said == "unrecognized options: --episods; did you mean --episodes?; see `sparring play --help`"
    assert in_one_line("no box at all") == "no box at all"
    assert issubclass(UsageError, ValueError)


# Real processes on difficult terminals


def started(*words, **environment):
    return subprocess.run(
        [sys.executable, "-P", "-m", "sparring", *map(str, words)],
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
        timeout=120,
        check=False,
    )


ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}


@pytest.mark.slow
@pytest.mark.parametrize("environment", [ASCII, {"COLUMNS": "60"}, {"TERM": "dumb"}, {**ASCII, "COLUMNS": "20"}])
@pytest.mark.parametrize("words", ["trian", "play KuhnPoker --episods 3", "train spiral", "replay nöwhere"])
def test_a_difficult_terminal_gets_the_same_line(tmp_path, environment, words):
    ended = started(*words.split(), **environment)
    assert ended.returncode == 2
    assert ended.stdout == b""
    assert ended.stderr.count(b"\n") == 1
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("envs",), ("play", "KuhnPoker", "--episodes", "2"), ("doctor",), ("train",)])
def test_an_ascii_terminal_can_show_every_page(words):
    ended = started(*words, **ASCII)
    assert ended.returncode == (2 if words == ("train",) else 0)
    assert ended.stdout.isascii()
    assert b"Error" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("words", ["envs", "envs --json", "--help", "play --help", "play KuhnPoker --episodes 300"])
def test_a_reader_that_leaves_early_hears_nothing(words):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "sparring", *words.split()], stdout=write, stderr=subprocess.PIPE
    )
    os.close(write)
    assert process.communicate(timeout=120)[1] == b""
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("words", "code"),
    [("runs", 1), ("envs", 0), ("play KuhnPoker --episodes 2", 0), ("replay nowhere", 2), ("train spiral --help", 0)],
)
def test_a_closed_stream_breaks_nothing(tmp_path, words, code, closed):
    line = f'"{sys.executable}" -P -m sparring {words} {closed}'
    ended = subprocess.run(["sh", "-c", line], capture_output=True, cwd=tmp_path, timeout=120, check=False)
    assert ended.returncode == code
    assert b"Traceback" not in ended.stderr
    assert b"Error" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "stream", "said"),
    [("envs", ">", b"sparring: standard output: the disk is full\n"), ("trian", "2>", b"")],
)
def test_a_stream_on_a_full_disk_is_named(words, stream, said):
    line = f'"{sys.executable}" -P -m sparring {words} {stream} /dev/full'
    ended = subprocess.run(["sh", "-c", line], capture_output=True, timeout=120, check=False)
    assert ended.returncode == 2
    assert ended.stderr == said


def test_a_full_disk_names_the_file_that_was_asked_for(tmp_path):
    def parts():
        yield "a"
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"cannot write .*page.html: the disk is full"):
        write_parts(tmp_path / "page.html", parts())
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="games") as caught, saying_what_is_kept(tmp_path / "games"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert in_words(caught.value) == f"{tmp_path / 'games'}: the disk is full"


def test_an_error_is_one_line_of_plain_words():
    assert in_words(OSError(errno.ENETUNREACH, "Network is unreachable"), "standard output") == "network is unreachable"
    assert in_words(OSError("our own\nwords")) == "our own words"
    assert in_words(OSError(errno.EISDIR, "Is a directory", b"x")) == "x: it is a folder, and a file is wanted"


@pytest.mark.slow
def test_no_color_is_respected_where_colour_is_forced():
    coloured, plain = (started("trian", FORCE_COLOR="1", **more).stderr for more in ({}, {"NO_COLOR": "1"}))
    assert b"\x1b[1;31m" in coloured
    assert b"31m" not in plain


def test_the_examples_of_wrong_input_name_no_place_that_exists():
    assert not any(Path(name).exists() for name in ("/proc/games", "/proc/r"))
