"""What every probe's program starts with, inside the sandbox: a handful of names that keep the programs short."""

from __future__ import annotations

PRELUDE = r"""
import ctypes, errno, os, resource, signal, socket, stat, struct, sys, time

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
X86 = os.uname().machine == "x86_64"
NUMBERS = {  # name: (x86_64, aarch64); what is missing has the same number on both
    "acct": (163, 89), "add_key": (248, 217), "bpf": (321, 280), "clock_settime": (227, 112), "clone": (56, 220),
    "execveat": (322, 281), "finit_module": (313, 273), "init_module": (175, 105), "kcmp": (312, 272),
    "kexec_load": (246, 104), "keyctl": (250, 219), "mount": (165, 40), "mq_open": (240, 180), "msgget": (68, 186),
    "fanotify_init": (300, 262), "move_pages": (279, 239), "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264), "perf_event_open": (298, 241), "personality": (135, 92), "pivot_root": (155, 41),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60),
    "reboot": (169, 142), "request_key": (249, 218), "semget": (64, 190), "setns": (308, 268), "shmget": (29, 194),
    "swapon": (167, 224), "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
    "clone3": 435, "fsopen": 430, "io_uring_setup": 425, "memfd_secret": 447, "mount_setattr": 442, "move_mount": 429,
    "open_tree": 428, "pidfd_getfd": 438, "pidfd_open": 434, "process_madvise": 440,
}
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS)


def breach(why=""):
    print("BREACH", why, flush=True)


def held(why=""):
    print("HELD", why, flush=True)


def skip(why):
    print("SKIP", why, flush=True)
    os._exit(0)


def judge(broken, why=""):
    (breach if broken else held)(why)


def attempt(action, *arguments):
    "The action must be refused with an OSError."
    try:
        result = action(*arguments)
    except OSError as error:
        return held(error)
    breach(f"{getattr(action, '__name__', action)}{arguments} gave {result!r}")


def attempt_each(action, *choices):
    "Every one of the actions must be refused."
    done = []
    for choice in choices:
        try:
            done.append((choice, action(choice)))
        except (OSError, ValueError):
            pass
    judge(done, done)


def syscall(name, *arguments):
    "The result, or minus the errno."
    number = NUMBERS[name] if isinstance(NUMBERS[name], int) else NUMBERS[name][not X86]
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result = libc.syscall(ctypes.c_long(number), *plain)
    return result if result >= 0 else -ctypes.get_errno()


def must_refuse(*calls):
    "Each (name, arguments...) must be refused before the kernel looks at the arguments."
    reached = []
    for name, *arguments in calls:
        result = syscall(name, *arguments)
        if -result not in REFUSALS:
            reached.append((name, result if result >= 0 else errno.errorcode[-result]))
            if result > 2 and name != "clone3":
                try:
                    os.close(result)
                except OSError:
                    pass
    judge(reached, reached)


def isolated():
    "Programs that signal everybody go no further where the processes around them are the host's."
    if os.readlink("/proc/self/ns/pid") == BAIT["namespaces"]["pid"]:
        skip("the process namespace is the host's")


def mark():
    "The host looks for processes of this name after the call."
    libc.prctl(15, MARK.encode(), 0, 0, 0)


def spawn(action, *arguments):
    "A child that does this and exits with 0; its number."
    pid = os.fork()
    if pid == 0:
        try:
            action(*arguments)
        finally:
            os._exit(0)
    return pid


def daemon(action, *arguments):
    "A grandchild in a session of its own, orphaned at once."
    def start():
        os.setsid()
        spawn(action, *arguments)
    os.waitpid(spawn(start), 0)


def ticking(seconds=20):
    "Goes on for longer than any limit, but not for ever: what is not stopped ends by itself."
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def linger(seconds=20):
    mark()
    for number in range(1, 65):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass
    for _ in ticking(seconds):
        time.sleep(0.05)


def others():
    "The visible processes that are neither PID 1 nor this one."
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())]


def places():
    "The folders for what programs write; never those that are the host's own."
    names = ["/work", "/tmp", "/var/tmp", "/dev/shm", os.getcwd(), os.path.expanduser("~")]
    found = {tuple(inode(name)): name for name in reversed(names) if os.path.isdir(name)}
    return [name for place, name in found.items() if list(place) not in BAIT["places"]]


def writable():
    "Those of them where this program may write."
    return [place for place in places() if os.access(place, os.W_OK)]


def inode(path):
    "What tells two folders apart, whatever they are called."
    found = os.stat(path)
    return [found.st_dev, found.st_ino]


def fill(place, bytes_wanted, piece=4 * 2**20):
    "Write files until refused; the bytes written and the files."
    written, files = 0, []
    try:
        while written < bytes_wanted:
            files.append(os.path.join(place, f"spar-fill-{os.getpid()}-{len(files)}"))
            with open(files[-1], "wb", buffering=0) as file:
                written += file.write(b"x" * piece)
    except OSError:
        pass
    return written, files


def remove(files):
    for file in files:
        try:
            os.unlink(file)
        except OSError:
            pass


def sockets():
    "The inherited file descriptors above 2, and which of them are sockets or pipes."
    found = []
    for fd in range(3, 256):
        try:
            found.append((fd, os.fstat(fd).st_mode))
        except OSError:
            pass
    return found


def frames(value):
    "One message in the framings that people use."
    import json, marshal, pickle
    for body in (json.dumps(value).encode(), repr(value).encode(), marshal.dumps(value), pickle.dumps(value)):
        yield body + b"\n"
        for layout in (">I", "<I", ">Q", "<Q", ">H"):
            yield struct.pack(layout, len(body) % (1 << 8 * struct.calcsize(layout))) + body


def forge(*values):
    "Write these messages on every inherited file descriptor."
    for fd, _ in sockets():
        try:
            os.set_blocking(fd, False)
        except OSError:
            continue
        for value in values:
            for frame in frames(value):
                try:
                    os.write(fd, frame)
                except OSError:
                    break
"""
