"""The system calls that a program may not make, as a BPF filter for the kernel and as Docker's profile.

Isolation comes from namespaces and a root filesystem of our own; this takes away the kernel interfaces that untrusted
Python has no use for and that past escapes went through, and those by which one program could leave something to the
next. Refused calls fail with EPERM; `clone3` with ENOSYS, so that the C library falls back to `clone`, whose flags a
filter can see.
"""

from __future__ import annotations

import errno
import platform
import struct
from collections.abc import Iterator

AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ARCHITECTURES = ("x86_64", "aarch64")
NEW_NAMESPACES = 0x7E020080
ALLOWED_FAMILIES = (1, 2, 10)
"""AF_UNIX, AF_INET, AF_INET6; the network namespace has no interface but its own loopback, which is down."""

# name: number on x86_64, number on aarch64 (None: does not exist there)
DENIED: dict[str, tuple[int | None, int | None]] = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "finit_module": (313, 273), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_uring_setup": (425, 425),
    "ioperm": (173, None), "iopl": (172, None), "kcmp": (312, 272), "kexec_file_load": (320, 294),
    "kexec_load": (246, 104), "keyctl": (250, 219), "landlock_create_ruleset": (444, 444), "lookup_dcookie": (212, 18),
    "mbind": (237, 235), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "migrate_pages": (256, 238), "modify_ldt": (154, None),
    "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429), "move_pages": (279, 239),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "msgget": (68, 186), "name_to_handle_at": (303, 264),
    "nfsservctl": (180, 42), "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241),
    "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "ptrace": (101, 117), "quotactl": (179, 60), "quotactl_fd": (443, 443), "reboot": (169, 142),
    "request_key": (249, 218), "sched_setattr": (314, 274), "semget": (64, 190), "set_mempolicy": (238, 237),
    "setdomainname": (171, 162), "sethostname": (170, 161), "setns": (308, 268), "settimeofday": (164, 170),
    "shmget": (29, 194), "swapoff": (168, 225), "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39),
    "unshare": (272, 97), "uselib": (134, None), "userfaultfd": (323, 282), "ustat": (136, None),
    "vhangup": (153, 58), "_sysctl": (156, None),
}  # fmt: skip

# name: (numbers, argument that must be 0: only one's own process may be meant)
OWN_PROCESS_ONLY: dict[str, tuple[tuple[int, int], int]] = {
    "prlimit64": ((302, 261), 0), "setpriority": ((141, 140), 1), "ioprio_set": ((251, 30), 1),
    "sched_setscheduler": ((144, 119), 0), "sched_setparam": ((142, 118), 0), "sched_setaffinity": ((203, 122), 0),
}  # fmt: skip
CLONE, CLONE3, SOCKET, IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)
TERMINAL_INJECTION = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX."""

LOAD, JUMP_EQUAL, JUMP_GREATER_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000


def program(machine: str | None = None) -> bytes:
    """The filter for this processor, as `bwrap --seccomp` reads it. Raises ValueError for an unknown processor."""
    machine = machine or platform.machine()
    if machine not in ARCHITECTURES:
        raise ValueError(f"no system call table for {machine}; known are {', '.join(ARCHITECTURES)}")
    return b"".join(struct.pack("HBBI", *instruction) for instruction in _instructions(machine))


Instruction = tuple[int, int, int, int]


def _instructions(machine: str) -> Iterator[Instruction]:
    column = ARCHITECTURES.index(machine)
    yield from [(LOAD, 0, 0, 4), (JUMP_EQUAL, 1, 0, AUDIT_ARCH[machine]), (RETURN, 0, 0, KILL)]
    yield (LOAD, 0, 0, 0)
    if machine == "x86_64":  # the x32 interface has numbers of its own
        yield from [(JUMP_GREATER_EQUAL, 0, 1, 0x40000000), (RETURN, 0, 0, KILL)]
    for numbers in DENIED.values():
        if numbers[column] is not None:
            yield from _refuse(numbers[column] or 0)
    yield from _refuse(CLONE3[column], errno.ENOSYS)
    yield from _guard(CLONE[column], 0, [(JUMP_SET, 0, 1, NEW_NAMESPACES), (RETURN, 0, 0, REFUSE | errno.EPERM)])
    families = [(JUMP_EQUAL, len(ALLOWED_FAMILIES) - at, 0, family) for at, family in enumerate(ALLOWED_FAMILIES)]
    yield from _guard(SOCKET[column], 0, [*families, (RETURN, 0, 0, REFUSE | errno.EPERM)])
    injections = [(JUMP_EQUAL, 0, 1, TERMINAL_INJECTION[0]), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    injections += [(JUMP_EQUAL, 0, 1, TERMINAL_INJECTION[1]), (RETURN, 0, 0, REFUSE | errno.EPERM)]
    yield from _guard(IOCTL[column], 1, injections)
    for pair, argument in OWN_PROCESS_ONLY.values():
        yield from _guard(pair[column], argument, [(JUMP_EQUAL, 1, 0, 0), (RETURN, 0, 0, REFUSE | errno.EPERM)])
    yield (RETURN, 0, 0, ALLOW)


def _refuse(number: int, reason: int = errno.EPERM) -> list[Instruction]:
    return [(JUMP_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE | reason)]


def _guard(number: int, argument: int, checks: list[Instruction]) -> list[Instruction]:
    """Checks on one argument of one call; what passes them is allowed."""
    body = [(LOAD, 0, 0, 16 + 8 * argument), *checks, (RETURN, 0, 0, ALLOW)]
    return [(JUMP_EQUAL, 0, len(body), number), *body]


def docker_profile() -> dict[str, object]:
    """The same policy in Docker's own format."""
    namespace_flags = [1 << bit for bit in range(32) if NEW_NAMESPACES >> bit & 1]
    families = [family for family in range(ALLOWED_FAMILIES[-1]) if family not in ALLOWED_FAMILIES]
    rules = [
        _docker_rule(sorted(DENIED)),
        {**_docker_rule(["clone3"]), "errnoRet": errno.ENOSYS},
        *(_docker_rule(["clone"], 0, flag, "SCMP_CMP_MASKED_EQ", flag) for flag in namespace_flags),
        *(_docker_rule(["socket"], 0, family, "SCMP_CMP_EQ") for family in families),
        _docker_rule(["socket"], 0, ALLOWED_FAMILIES[-1], "SCMP_CMP_GT"),
        *(_docker_rule(["ioctl"], 1, request, "SCMP_CMP_EQ") for request in TERMINAL_INJECTION),
        *(_docker_rule([name], at, 0, "SCMP_CMP_NE") for name, (_, at) in OWN_PROCESS_ONLY.items()),
    ]
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}


def _docker_rule(
    names: list[str], argument: int | None = None, value: int = 0, operator: str = "", value_two: int = 0
) -> dict[str, object]:
    rule: dict[str, object] = {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": errno.EPERM}
    if argument is not None:
        rule["args"] = [{"index": argument, "value": value, "valueTwo": value_two, "op": operator}]
    return rule
