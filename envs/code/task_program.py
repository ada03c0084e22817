"""Running a program after its task's own: the definitions of a task, executed in the program's namespace before it.

Both are files of their own, so that line numbers in a traceback are those of the program as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from sparring.sandbox import Outcome, Sandbox

RUN = """\
for _name in ("task.py", "program.py"):
    exec(compile(open(_name, "rb").read(), _name, "exec"), globals())
"""
FRAME = re.compile(r'^  File "main\.py", line 2, in <module>\n    exec.*\n(?: +[~^]+\n)?', re.MULTILINE)


def run_after_task_program(
    sandbox: Sandbox,
    task_program: str,
    program: str,
    seed: int = 0,
    host: Mapping[str, Callable[..., object]] | None = None,
) -> Outcome:
    """Run any text as a program; what Python cannot read fails inside, as a program's own fault."""
    files: dict[str, str | bytes] = {"task.py": task_program, "program.py": program.encode("utf-8", "surrogatepass")}
    outcome = sandbox.run(RUN, files=files, seed=seed, host=host or {})
    return replace(outcome, stderr=FRAME.sub("", outcome.stderr))
