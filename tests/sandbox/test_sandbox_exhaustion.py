"""What happens where something is used up: one call is refused, and nothing else is lost."""

import gc
import os
import resource

import pytest

from sparring.sandbox import Limits, Sandbox, SandboxUnavailable, cgroups

MIB = 2**20


def groups():
    """Control groups that this process has made."""
    return list(cgroups.ROOT.rglob(f"sparring-{os.getpid()}-*"))


@pytest.fixture
def needs_cgroup():
    if not cgroups.available():
        pytest.skip("no control group may be made here")


def branches_until_refused(root):
    """A chain of branches, each forked from the last, and the refusal at its end."""
    chain = [root]
    while True:
        branch = chain[-1].fork()
        outcome = branch.run("depth += 1")
        if not outcome.ok:
            branch.close()
            return chain, outcome
        chain.append(branch)
        assert len(chain) < 300


def test_a_session_at_its_process_limit_refuses_one_call_and_keeps_every_branch(needs_cgroup):
    with Sandbox() as box, box.session(limits=Limits(processes=8)) as root:
        root.run("depth = 0")
        chain, refused = branches_until_refused(root)
        assert len(chain) == 8
        assert refused.status == "refused"
        assert refused.error.startswith("limits.processes is used up")
        assert chain[-1].run("1").error == root.run("1").error == refused.error
        chain[-1].close()
        for depth, branch in enumerate(chain[:-1]):
            assert branch.run("print(depth)").stdout == f"{depth}\n"
        for branch in chain[1:-1]:
            branch.close()
        again, _ = branches_until_refused(root)
        assert len(again) == len(chain)


def test_processes_that_a_cell_left_count_and_are_named(needs_cgroup):
    with Sandbox() as box, box.session(limits=Limits(processes=6)) as session:
        leave = "import os, time\ndepth = 1\nfor _ in range(3):\n    if not os.fork():\n        time.sleep(60)\n"
        assert session.run(leave).ok
        chain, refused = branches_until_refused(session)
        assert len(chain) == 3
        assert "each process that cells have left counts" in refused.error


def test_branches_that_were_closed_do_not_count_wherever_they_hung(needs_cgroup):
    with Sandbox() as box, box.session(limits=Limits(processes=9)) as root:
        root.run("depth = 0")
        branches = [root.fork() for _ in range(7)]
        for _ in range(3):
            assert [branch.run("depth += 1").status for branch in branches] == ["ok"] * 7
            for branch in branches[1:]:
                branch.close()
            branches = [branches[0], *(branches[0].fork() for _ in range(6))]


def test_a_cell_that_opens_all_files_it_may_keeps_the_session():
    greedy = "import os\nkept, files = 5, []\nwhile True:\n    files.append(open(os.devnull))"
    with Sandbox() as box, box.session(limits=Limits(open_files=32)) as session:
        failed = session.run(greedy)
        assert failed.stderr.endswith("OSError: [Errno 24] Too many open files: '/dev/null'\n")
        with session.fork() as branch:
            assert branch.run("print(kept)").stdout == "5\n"
        assert session.run("files.clear()\nprint(kept)").stdout == "5\n"


def test_a_session_whose_folder_was_removed_goes_on():
    with Sandbox() as box, box.session() as session:
        session.run("import os\nkept = 1\nos.mkdir('d')\nos.chdir('d')\nos.rmdir('/work/d')")
        assert session.run("print(kept)").stdout == "1\n"


def test_a_sandbox_that_can_open_no_further_files_refuses_a_branch_and_keeps_the_others():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = len(os.listdir("/proc/self/fd")) + 64  # of this process; the sandbox's own begins with none of them
    resource.setrlimit(resource.RLIMIT_NOFILE, (few, hard))
    try:
        with Sandbox() as box:
            box.run("")
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            with box.session(limits=Limits(processes=300)) as root:
                root.run("depth = 0")
                chain, refused = branches_until_refused(root)
                assert "can open no further files" in refused.error
                chain[1].close()
                assert root.run("print(depth)").stdout == "0\n"
                assert chain[-1].run("print(depth)").stdout == f"{len(chain) - 1}\n"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_session_that_has_no_memory_to_begin_leaves_nothing_and_frees_its_worker(needs_cgroup, monkeypatch):
    """Less and less memory: enough for a session, too little for its first fork, less than the server has already."""
    own, before, failures = cgroups.OWN_MEMORY, groups(), []
    with Sandbox() as box:
        for room in range(16 * MIB, 4 * MIB, -MIB // 8):
            box.run("")
            server = box._idle[0].box.process
            monkeypatch.setattr(cgroups, "OWN_MEMORY", room - 32 * MIB)
            try:
                box.session(limits=Limits(memory_bytes=32 * MIB)).close()
            except SandboxUnavailable as error:
                failures.append(str(error))
                assert server.poll() is not None
                assert (box._alive, len(box._idle), groups()) == (0, 0, before)
            monkeypatch.setattr(cgroups, "OWN_MEMORY", own)
            if len(failures) == 10:
                break
        assert any("memory was used up at once, memory_bytes=33554432" in failure for failure in failures), failures
        assert box.run("print(1)").stdout == "1\n"


def test_a_sandbox_that_is_dropped_leaves_no_process_and_no_group():
    before, box = groups(), Sandbox(workers=2)
    session = box.session()
    box.run("")
    processes = [worker.box.process for worker in (box._idle[0], session._tree.worker)]
    made = set(groups()) - set(before)
    del box, session
    gc.collect()
    assert [process.returncode is not None for process in processes] == [True, True]
    assert not made & set(groups())


def test_a_fork_of_the_caller_ends_nothing_of_its_parents():
    with Sandbox() as box:
        box.run("")
        child = os.fork()
        if child == 0:
            try:
                box._idle.clear()
                gc.collect()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        worker = box._idle[0]
        assert box.run("print(1)").stdout == "1\n"
        assert box._idle[0] is worker
