"""What a caller hands to the sandbox: unusable input is the caller's, and refused before anything starts."""

import re

import pytest

from sparring.sandbox import Limits, Sandbox

MIB = 2**20
INSIDE = "a file must have a path inside the working folder"
PATHS = [
    "", ".", "..", "a/..", "./a", "a//b", "a/", "/a", "/", "x" * 256, "é" * 128, "a/" * 512 + "b", "a\0b", "\ud800",
    b"a", 3, None,
]  # fmt: skip


def refusal(code="", **arguments):
    """The message of a refusal, before which no worker has been started."""
    with Sandbox() as box:
        with pytest.raises(ValueError, match=r"must|at most") as error:
            box.run(code, **arguments)
        assert box._alive == 0
    return str(error.value)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: repr(path)[:12])
def test_a_path_that_no_file_can_have_is_refused(path):
    for arguments in ({"files": {path: ""}}, {"collect": [path]}):
        message = refusal(**arguments)
        assert INSIDE in message
        assert "got " in message
        assert "\n" not in message
        assert len(message) < 300


@pytest.mark.parametrize("paths", [("a", "a/b"), ("a/b/c", "a/b"), ("x", "d/e", "d")])
def test_a_path_cannot_be_a_file_and_a_folder(paths):
    assert "a path must be a file or a folder, not both, got '" in refusal(files=dict.fromkeys(paths, ""))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"code": 3}, "code must be text or bytes, got 3"),
        ({"files": ["a"]}, "files must be a mapping of paths to text or bytes"),
        ({"files": {"a": 3}}, r"files\['a'\] must be text or bytes, got 3"),
        ({"files": {"a": "\ud800"}}, r"files\['a'\] must be text that UTF-8 can hold"),
        ({"stdin": "text"}, "stdin must be bytes, got 'text'"),
        ({"args": "a"}, "args must be a list of texts, got 'a'"),
        ({"args": ["a", 3]}, r"args must be a list of texts, got \['a', 3\]"),
        ({"args": ["a\0b"]}, "args must not hold NUL characters"),
        ({"args": ["\ud800"]}, "args must be text that UTF-8 can hold"),
        ({"args": ["x" * 2**17]}, "args must be at most 131072 bytes in all, got 131073"),
        ({"collect": "out.txt"}, "collect must be a list of paths, got 'out.txt'"),
        ({"collect": {"out.txt"}}, "collect must be a list of paths"),
        ({"collect": list(map(str, range(4097)))}, "at most 4096 files can be collected, got 4097"),
        ({"collect": [f"{at:04}/{'x' * 250}/y" for at in range(4096)]}, "at most 1048576 bytes in all, got 1052672"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"host": {"a b": len}}, "a name that Python can call, got 'a b'"),
        ({"host": {3: len}}, "a name that Python can call, got 3"),
        ({"host": {"f": 3}}, r"host\['f'\] must be a function, got 3"),
        ({"limits": Limits(file_bytes=65 * MIB)}, "at most what the Sandbox was made with, 67108864, got 68157440"),
    ],
)  # fmt: skip
def test_a_value_of_the_wrong_kind_is_refused(arguments, message):
    assert re.search(message, refusal(**arguments))


def test_arguments_reach_one_program_and_not_the_next():
    source = "import sys; print(sys.argv[1:], sys.stdin.read(), open('f').read())"
    with Sandbox() as box:
        given = box.run(source, args=["", "é", "\udcff"], stdin=b"in", files={"f": "file"})
        assert given.stdout == "['', 'é', '\\udcff'] in file\n"
        assert box.run("import sys; print(sys.argv)").stdout == "['main.py']\n"


@pytest.mark.parametrize(
    ("files", "stdin", "limits", "message"),
    [
        ({"a": b"x" * 40 * MIB}, b"x" * 40 * MIB, Limits(), "at most file_bytes=67108864 .* got 83886080 bytes"),
        ({"a": b"x" * 40 * MIB}, b"", Limits(memory_bytes=32 * MIB), "at most memory_bytes=33554432"),
        ({"a": b"x" * 4096, "b": b""}, b"", Limits(file_bytes=4096), "got 4096 bytes in 2 blocks"),
        ({"a/b/c": b""}, b"", Limits(file_bytes=8192), "got 0 bytes in 3 blocks"),
    ],
)  # fmt: skip
def test_more_than_the_working_folder_holds_is_refused(files, stdin, limits, message):
    assert re.search(message, refusal(files=files, stdin=stdin, limits=limits))


@pytest.mark.parametrize(
    ("files", "limits"),
    [
        ({"x" * 255: b"1"}, Limits()),
        ({"/".join(["a"] * 511): b"1"}, Limits()),
        ({f"{at}": b"" for at in range(1024)}, Limits(file_bytes=4 * MIB)),
        ({f"{at}/f": b"" for at in range(512)}, Limits(file_bytes=4 * MIB)),
        ({"a": b"x" * 32 * MIB}, Limits(file_bytes=32 * MIB, memory_bytes=32 * MIB)),
        ({"a": b"x" * 4096}, Limits(file_bytes=4096)),
    ],
)
def test_what_just_fits_is_there(files, limits):
    with Sandbox(limits=limits) as box:
        code = (
            "import os\nprint(sum(os.path.getsize(f'{at}/{name}') for at, _, names in os.walk('.') for name in names))"
        )
        outcome = box.run(code, files=files)
        assert (outcome.status, outcome.stdout) == ("ok", f"{sum(map(len, files.values()))}\n"), outcome


def test_standard_input_as_large_as_the_working_folder_arrives_whole():
    with Sandbox() as box:
        outcome = box.run("import sys\nprint(len(sys.stdin.buffer.read()))", stdin=b"x" * 64 * MIB)
        assert outcome.stdout == f"{64 * MIB}\n"


@pytest.mark.parametrize("character", ["x", "\x01", "é", "\U0001f600"])
def test_thousands_of_absent_files_are_reported_and_the_sandbox_lives(character):
    paths = [f"{at:04}{character * (200 // len(character.encode()))}" for at in range(4000)]
    with Sandbox() as box:
        outcome = box.run(f"open({paths[7]!r}, 'w').write('7')", collect=paths)
        assert outcome.status == "ok"
        assert outcome.files == {paths[7]: b"7"}
        assert paths[3999] in outcome.error


def test_a_session_refuses_what_a_run_refuses():
    with Sandbox() as box:
        for arguments in ({"host": {"a b": len}}, {"seed": object()}, {"limits": Limits(file_bytes=65 * MIB)}):
            with pytest.raises(ValueError, match="must"):
                box.session(**arguments)
        assert not box._idle
        with box.session(limits=Limits(file_bytes=MIB)) as session:
            session.run("kept = 1")
            for path, data in ((".", b""), ("x" * 256, b""), ("a", "text"), ("a", b"x" * (MIB + 1))):
                with pytest.raises(ValueError, match="must"):
                    session.put(path, data)
            with pytest.raises(ValueError, match="inside the working folder"):
                session.get("a/")
            with pytest.raises(ValueError, match="function must be a name, got 3"):
                session.call(3)
            assert session.run("print(kept)").stdout == "1\n"


def test_a_file_where_the_branch_has_another_thing_is_refused_and_the_session_goes_on():
    with Sandbox() as box, box.session() as session:
        session.run("import os\nopen('a', 'w').write('1')\nos.mkdir('d')\nkept = 2")
        for path in ("a/b", "d"):
            with pytest.raises(OSError, match=f"{path} cannot be written into this branch"):
                session.put(path, b"")
        assert session.run("print(kept, open('a').read())").stdout == "2 1\n"
