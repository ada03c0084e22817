"""What lets a shell complete `sparring`: the script names our commands, and the shell takes it."""

import shutil
import subprocess

import pytest

from sparring.cli.app import COMMANDS, main

ASK = """
source "$1"
read -ra COMP_WORDS <<< "$2"
[[ "$2" == *" " ]] && COMP_WORDS+=("")
COMP_LINE="$2" COMP_POINT=${#2} COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
complete="$(complete -p sparring | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
$complete sparring "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
echo "${COMPREPLY[@]}"
"""


@pytest.fixture
def script(capsys, tmp_path):
    """Writes the script of a shell into a file."""

    def write(shell):
        assert main(["--completion", shell]) == 0
        path = tmp_path / f"completion.{shell}"
        path.write_text(capsys.readouterr().out)
        return path

    return write


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_names_every_command(script, shell):
    text = script(shell).read_text()
    for command in COMMANDS:
        assert command in text
    assert "episodes" in text


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_shell_can_read_the_script(script, shell):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    read = subprocess.run([shell, "-n", script(shell)], capture_output=True, text=True, timeout=60, check=False)
    assert (read.returncode, read.stderr) == (0, "")


def test_a_zsh_that_finds_the_script_in_its_path_knows_what_it_completes(script):
    assert script("zsh").read_text().startswith("#compdef sparring\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("sparring pl", ["play"]),
        ("sparring play KuhnPoker --epi", ["--episodes"]),
        ("sparring re", ["reflection", "replay", "report", "retrieval"]),
    ],
)
def test_bash_completes_commands_and_options(script, typed, offered):
    words = ["bash", "-c", ASK, "bash", script("bash"), typed]
    asked = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    assert sorted(asked.stdout.split()) == offered


@pytest.mark.parametrize("words", [["--completion"], ["--completion", "powershell"], ["--completion", "bash", "zsh"]])
def test_a_shell_that_is_none_is_refused(capsys, words):
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("sparring: --completion takes a shell, bash, zsh, fish, got ")
