"""Probes on the network, on sockets of the host, and on families of sockets that widen the kernel's surface."""

from __future__ import annotations

from functools import partial

from sparring.sandbox.attacks.probe import Breach, Probe

probe = partial(Probe, family="network")

PROBES = (
    probe(
        "N01 TCP to the host",
        what="Connects to a listener on the host's loopback device.",
        program=r"""
        def ask(address):
            with socket.create_connection((address, BAIT["port"]), timeout=0.5) as sock:
                return sock.recv(100)
        attempt_each(ask, "127.0.0.1", "localhost", "172.17.0.1", "10.0.2.2", "host.docker.internal")
        """,
        stopped_by=("network_namespace",),
    ),
    probe(
        "N02 abstract socket of the host",
        what="Connects to a listener in the abstract namespace.",
        program=r"""
        def ask(name):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(name)
                return sock.recv(100)
        attempt_each(ask, "\0" + BAIT["abstract"])
        """,
        stopped_by=("network_namespace",),
    ),
    probe(
        "N03 socket file of the host",
        what="Connects to a listener that is a file of the host.",
        program=r"""
        def ask(name):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(name)
                return sock.recv(100)
        attempt_each(ask, BAIT["socket_path"])
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "N04 a route out",
        what="Looks for a route to the world (nothing is sent).",
        program=r"""
        def route(choice):
            with socket.socket(choice[0], socket.SOCK_DGRAM) as sock:
                sock.connect((choice[1], 9))
                return sock.getsockname()
        four, six = socket.AF_INET, socket.AF_INET6
        attempt_each(route, (four, "192.0.2.1"), (six, "2001:db8::1"), (four, "10.0.0.1"))
        """,
        stopped_by=("network_namespace",),
    ),
    probe(
        "N05 raw sockets",
        what="Opens raw, packet, netlink and vsock sockets.",
        program=r"""
        kinds = [(socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_INET6, socket.SOCK_RAW, 58),
                 (socket.AF_PACKET, socket.SOCK_RAW, 0), (40, socket.SOCK_STREAM, 0)]
        kinds += [(socket.AF_NETLINK, socket.SOCK_RAW, protocol) for protocol in (0, 4, 9, 12, 15)]
        attempt_each(lambda kind: socket.socket(*kind).close() or kind, *kinds)
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "N06 the container engine",
        what="Connects to the sockets of Docker, containerd and Podman.",
        program=r"""
        def connect(path):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(path)
                return path
        attempt_each(connect, *[f"{run}/{name}" for run in ("/run", "/var/run") for name in
                     ("docker.sock", "containerd/containerd.sock", "podman/podman.sock", "dbus/system_bus_socket")])
        """,
        stopped_by=("own_rootfs",),
    ),
    probe(
        "N07 the host's connections",
        what="Looks for the host's listeners in /proc/net.",
        program=r"""
        found = []
        for path in ("/proc/net/unix", "/proc/net/tcp", "/proc/net/tcp6"):
            try:
                with open(path) as file:
                    text = file.read()
            except OSError:
                continue
            if BAIT["abstract"] in text or f":{BAIT['port']:04X} " in text:
                found.append(path)
        judge(found, found)
        """,
        stopped_by=("network_namespace",),
    ),
    probe(
        "N08 the kernel's cryptography",
        what="Opens AF_ALG sockets, a classic of kernel exploits.",
        program=r"""
        def cipher(name):
            with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as sock:
                sock.bind(("hash", name))
                return name
        attempt_each(cipher, "sha1", "crc32c")
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "N09 rare families",
        what="Opens a socket of every family that is neither local nor Internet.",
        program=r"""
        opened = []
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET, socket.SOCK_RAW)
        for family in {*range(3, 46)} - {socket.AF_INET6}:
            for kind in kinds:
                try:
                    socket.socket(family, kind, 0).close()
                    opened.append(family)
                except OSError:
                    pass
        judge(opened, sorted(set(opened)))
        """,
        stopped_by=("seccomp",),
    ),
    probe(
        "N10 names",
        what="Resolves a name of the Internet, which must fail at once.",
        program=r"""
        attempt_each(lambda name: socket.getaddrinfo(name, 80), "example.com", "metadata.google.internal")
        """,
        breach=Breach.LINGERS,
        stopped_by=("network_namespace",),
    ),
    probe(
        "N11 listens for the next run",
        what="Leaves listeners on TCP and on an abstract name.",
        program=r"""
        def serve():
            mark()
            for family, address in ((socket.AF_INET, ("127.0.0.1", 47111)), (socket.AF_UNIX, "\0spar-next")):
                listener = socket.socket(family)
                listener.bind(address)
                listener.listen()
            time.sleep(20)
        daemon(serve)
        time.sleep(0.1)
        """,
        breach=Breach.NEXT_SEES,
        then=r"""
        def ask(address):
            family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
            with socket.socket(family) as sock:
                sock.settimeout(0.5)
                return sock.connect(address) or address
        attempt_each(ask, ("127.0.0.1", 47111), "\0spar-next")
        """,
        stopped_by=("kill_stragglers",),
    ),
    probe(
        "N12 devices of the network",
        what="Lists the network devices: there must be none but the loopback.",
        program=r"""
        def devices(path):
            with open(path) as file:
                found = [line.split(":")[0].strip() for line in file if ":" in line]
            found = [name for name in found if name[:3] not in ("lo", "tun", "sit", "ip6", "gre", "ers", "ip_")]
            if not found:
                raise OSError("none")
            return found
        attempt_each(devices, "/proc/net/dev")
        """,
        stopped_by=("network_namespace",),
    ),
)
