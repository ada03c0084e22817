"""Grade a folder of untrusted programs: each runs in the sandbox, and its answers are compared outside of it.

python examples/grade_folder.py examples/programs

Every program must define `median(numbers)`. The expected answers never enter the sandbox, so no program can read them.
"""

import argparse
from pathlib import Path

from sparring.sandbox import Limits, Sandbox
from sparring.sandbox.grader import grade_calls

LIMITS = Limits(wall_seconds=1.0)
"""Each program may run for one second."""
CASES = [(([3, 1, 2],), 2), (([4, 1, 2, 3],), 2.5), (([7],), 7), (([-1, -5, 0],), -1)]
"""(arguments, expected result) of each call."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    files = sorted(parser.parse_args().folder.glob("*.py"))
    with Sandbox() as sandbox:
        for file in files:
            verdicts = grade_calls(sandbox, file.read_text(), "median", CASES, limits=LIMITS)
            passed = sum(verdict.passed for verdict in verdicts)
            reasons = sorted({verdict.reason for verdict in verdicts if not verdict.passed})
            print(f"{file.name:12} {passed} of {len(CASES)}  {'; '.join(reasons)}".rstrip())


if __name__ == "__main__":
    main()
