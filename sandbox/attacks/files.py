"""Probes on files: the host's, the root file system's, and those that the host collects."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="files")

PROBES = (
    probe(
        "F01 secret of the host, readable by all",
        what="Reads a file that lies in the host's temporary folder with mode 0644.",
        program='attempt_each(lambda path: open(path).read(), BAIT["secret_path"])',
        stopped_by=("own_rootfs",),
    ),
    probe(
        "F02 secret of the host, readable by its owner",
        what="Reads a file of mode 0600 and the host's shadow passwords.",
        program='attempt_each(lambda path: open(path).read(), BAIT["private_path"])',
        stopped_by=("own_rootfs",),
    ),
    probe(
        "F03 the host's /etc",
        what="Compares the files in /etc with the host's.",
        program=r"""
        import hashlib
        def same(path):
            with open(path, "rb") as file:
                if hashlib.sha256(file.read()).hexdigest() == BAIT["digests"][path]:
                    return path
            raise OSError("another file")
        attempt_each(same, *BAIT["digests"])
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "F04 writes to the root file system",
        what="Creates files in the root folder, the system folders and the standard library.",
        program=r"""
        def create(folder):
            path = os.path.join(folder, f"spar-{os.getpid()}")
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
            os.unlink(path)
            return folder
        attempt_each(create, "/", "/usr", "/etc", "/bin", "/lib", "/usr/lib", "/opt", "/root", "/sys", "/proc",
                     sys.prefix, os.path.dirname(os.__file__), os.path.dirname(sys.executable))
        """,
        stopped_by=("read_only_root",),
    ),
    probe(
        "F05 symlink for the collector",
        what="Plants a symbolic link to the host's secret where the host collects a file.",
        program='os.symlink(BAIT["secret_path"], "out.txt")',
        breach=Breach.LEAKS,
        collect=("out.txt",),
    ),
    probe(
        "F06 climbs out with ..",
        what="Reads the host's secret through a path with many `..`, and from a folder opened before chroot.",
        program=r"""
        def climb(path):
            fd = os.open("/", os.O_RDONLY)
            os.fchdir(fd)
            for _ in range(20):
                os.chdir("..")
            return open(path.lstrip("/")).read()
        attempt_each(climb, BAIT["secret_path"], "/".join([".."] * 20) + BAIT["secret_path"])
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "F07 hard link into the root file system",
        what="Links the interpreter and the standard library to names of its own.",
        program=r"""
        def link(path):
            os.link(path, "linked")
            os.unlink("linked")
            return path
        attempt_each(link, sys.executable, os.__file__, "/etc/passwd", BAIT["secret_path"])
        """,
    ),
    probe(
        "F08 FIFO for the collector",
        what="Plants a named pipe where the host collects a file: who opens it waits for ever.",
        program='os.mkfifo("out.txt")',
        breach=Breach.LINGERS,
        collect=("out.txt",),
        ends=("ok", "nonzero"),
    ),
    probe(
        "F09 makes a device",
        what="Makes the device files of memory and of disks, and opens them.",
        program=r"""
        def device(numbers):
            path = f"dev-{numbers[1]}-{numbers[2]}"
            os.mknod(path, 0o600 | numbers[0], os.makedev(*numbers[1:]))
            try:
                with open(path, "rb") as file:
                    return file.fileno()
            finally:
                os.unlink(path)
        attempt_each(device, (stat.S_IFCHR, 1, 1), (stat.S_IFCHR, 1, 3), (stat.S_IFBLK, 8, 0), (stat.S_IFBLK, 254, 0))
        """,
        stopped_by=("drop_capabilities", "seccomp"),
    ),
    probe(
        "F10 setuid",
        what="Looks for setuid programs that would work.",
        program=r"""
        no_new_privileges = "NoNewPrivs:\t1" in open("/proc/self/status").read()
        found = []
        for folder in ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/local/bin"):
            for name in os.listdir(folder) if os.path.isdir(folder) else []:
                try:
                    if os.lstat(f"{folder}/{name}").st_mode & (stat.S_ISUID | stat.S_ISGID):
                        found.append(name)
                except OSError:
                    pass
        judge(not no_new_privileges, (no_new_privileges, found))
        """,
    ),
    probe(
        "F11 runs a binary of its own",
        what="Writes a program to every writable place and executes it.",
        program=r"""
        if not X86:
            skip("the binary is for x86_64")
        code = bytes.fromhex("b83c000000bf2a0000000f05")  # exit(42)
        head = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 2, 62, 1, 0x400078, 64, 0, 0, 64, 56, 1, 0, 0, 0)
        load = struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, 120 + len(code), 120 + len(code), 4096)
        ran = []
        for place in writable():
            path = f"{place}/spar-binary-{os.getpid()}"
            with open(path, "wb") as file:
                file.write(head + load + code)
            os.chmod(path, 0o755)
            pid = os.fork()
            if pid == 0:
                try:
                    os.execv(path, [path])
                finally:
                    os._exit(1)
            status = os.waitpid(pid, 0)[1]
            if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 42:
                ran.append(place)
            os.unlink(path)
        judge(ran, ran)
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "F12 leaves files for the next run",
        what="Writes files and folders to every writable place.",
        program=r"""
        for place in writable():
            os.makedirs(f"{place}/spar/left", exist_ok=True)
            for name in ("spar-left", ".spar-hidden", "spar/left/file"):
                open(f"{place}/{name}", "w").close()
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        left = [f"{place}/{name}" for place in writable() for name in os.listdir(place) if "spar" in name]
        judge(left, left)
        """,
        stopped_by=("wipe",),
    ),
    probe(
        "F13 sparse file",
        what="Makes a file of 100 GiB without writing it.",
        program=r"""
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        fd = os.open("sparse", os.O_CREAT | os.O_WRONLY, 0o600)
        attempt(os.ftruncate, fd, 100 * 2**30)
        """,
    ),
    probe(
        "F14 folder that is a link",
        what="Replaces the folder of a collected file by a link to the host's folder.",
        program='os.symlink(os.path.dirname(BAIT["secret_path"]), "out")',
        breach=Breach.LEAKS,
        collect=("out/secret.txt", "out"),
    ),
    probe(
        "F15 socket for the collector",
        what="Binds a socket where the host collects a file, and listens.",
        program=r"""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind("out.txt")
        listener.listen()
        """,
        breach=Breach.LINGERS,
        collect=("out.txt",),
        ends=("ok", "nonzero"),
    ),
    probe(
        "F16 endless file for the collector",
        what="Plants a link to /dev/zero where the host collects a file.",
        program='os.symlink("/dev/zero", "out.txt")',
        breach=Breach.LEAKS,
        collect=("out.txt",),
    ),
    probe(
        "F17 growing file for the collector",
        what="Leaves a process that makes the collected file grow while it is read.",
        program=r"""
        def grow():
            mark()
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            fd = os.open("out.txt", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
            for _ in ticking():
                os.write(fd, b"x" * 2**16)
        daemon(grow)
        time.sleep(0.05)
        """,
        breach=Breach.LEAKS,
        collect=("out.txt",),
        ends=("ok", "memory"),
    ),
    probe(
        "F18 file that changes while it is collected",
        what="Leaves a process that turns the collected file into a link and back, thousands of times a second.",
        program=r"""
        def swap():
            mark()
            open("plain", "w").close()
            os.symlink(BAIT["secret_path"], "link")
            for _ in ticking():
                for name in ("plain", "link"):
                    os.link(name, "next", follow_symlinks=False)
                    os.rename("next", "out.txt")
        daemon(swap)
        time.sleep(0.05)
        """,
        breach=Breach.LEAKS,
        collect=("out.txt",),
    ),
    probe(
        "F19 other ways to the root",
        what="Reads the host's secret through /proc/1/root, /proc/1/cwd and the parents' links.",
        program=r"""
        links = ("root", "cwd", "cwd/../..")
        paths = [f"/proc/{pid}/{link}" for pid in {1, os.getpid(), os.getppid()} for link in links]
        attempt_each(lambda path: open(path + BAIT["secret_path"]).read(), *paths)
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "F20 file handles",
        what="Opens files by handle, which ignores paths and mounts.",
        program='must_refuse(("open_by_handle_at", -1, 0, 0))',
        stopped_by=("seccomp",),
    ),
    probe(
        "F21 capabilities of a file",
        what="Gives a file of its own capabilities and trusted attributes.",
        program=r"""
        open("file", "w").close()
        capabilities = struct.pack("<IIIII", 0x02000001, 0xFFFFFFFF, 0, 0xFFFFFFFF, 0)
        names = ("security.capability", "trusted.spar")
        attempt_each(lambda name: os.setxattr("file", name, capabilities) or name, *names)
        """,
        stopped_by=("drop_capabilities",),
    ),
    probe(
        "F22 settings of the kernel",
        what="Asks for every file below /proc/sys and /sys whether it might write it.",
        program=r"""
        found, seen = [], 0
        for top in ("/proc/sys", "/sys/kernel", "/sys/fs", "/sys/power", "/sys/module"):
            for folder, _, names in os.walk(top):
                for name in names:
                    seen += 1
                    if os.access(f"{folder}/{name}", os.W_OK):
                        found.append(f"{folder}/{name}")
                if seen > 6000:
                    break
        judge(found, found[:5])
        """,
        limits={"wall_seconds": 8.0, "cpu_seconds": 8.0},
        stopped_by=("read_only_root", "drop_capabilities"),
    ),
)
