"""Adapters of search servers: OpenSearch against recorded answers, PostgreSQL against a real server."""

import glob
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sparring.envs.retrieval.named import open_retriever
from sparring.envs.retrieval.types import Passage, RetrieverFailed, Triple
from sparring.envs.retrieval.wire.open_search import OpenSearch
from sparring.envs.retrieval.wire.postgres import Postgres

PASSAGES = [
    Passage("p1", "Tarn", "Tarn is the capital of Ostrel.", (Triple("Tarn", "capital of", "Ostrel"),)),
    Passage("p2", "Ostrel", "Ostrel pays in crowns. It borders Vell."),
    Passage("p3", "Odd 'title'", "lone \ud800, NUL \0, quotes ' and \\ | & ! in Ostrel; São 東京 42"),
    *(Passage(f"twin{n}", "Twin", "an equal text") for n in range(9)),
]


@contextmanager
def recorded(answers):
    """A server that gives one recorded answer after the other, and what it was asked."""
    asked, remaining = [], list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            kind = self.headers.get("Content-Type")
            asked.append((self.command, self.path, kind, [json.loads(line) for line in body.splitlines()]))
            status, answer = remaining.pop(0)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_PUT = do_GET = do_POST

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/passages", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def found(*rows):
    """As `_msearch` answers for one query."""
    hits = [{"_index": "passages", "_id": id, "_score": score, "_source": source} for id, score, source in rows]
    return {"took": 1, "timed_out": False, "hits": {"total": {"value": len(hits)}, "hits": hits}, "status": 200}


TARN = {"id": "p1", "title": "Tarn", "text": "A town.", "triples": [["Tarn", "capital of", "Ostrel"]]}


def test_open_search_is_asked_by_msearch_and_its_answers_are_hits():
    twins = found(("b", 1.5, {"title": "B", "text": "b"}), ("a", 1.5, {"title": "A", "text": "a"}))
    answer = {"took": 2, "responses": [found(("p1", 2.0, TARN)), twins]}
    with recorded([(200, answer)]) as (url, asked):
        tarn, nothing, pair = open_retriever(f"opensearch+{url}").search(["Tarn!", "...", "twin"], 2)
    assert [(hit.passage, hit.score) for hit in tarn] == [
        (Passage("p1", "Tarn", "A town.", (Triple("Tarn", "capital of", "Ostrel"),)), 2.0)
    ]
    assert nothing == []
    assert [hit.passage.id for hit in pair] == ["a", "b"]
    ((method, path, kind, lines),) = asked
    assert (method, path, kind) == ("POST", "/passages/_msearch", "application/x-ndjson")
    assert [lines[0], lines[2]] == [{}, {}]
    assert [line["query"]["multi_match"]["query"] for line in lines[1::2]] == ["tarn", "twin"]
    assert lines[1]["size"] == 2


def test_open_search_is_filled_by_bulk_and_counted():
    bulk = {"took": 1, "errors": False, "items": []}
    answers = [(200, {"acknowledged": True}), (200, bulk), (200, {}), (200, {"count": len(PASSAGES)})]
    with recorded(answers) as (url, asked):
        assert OpenSearch(url).load(PASSAGES) == len(PASSAGES)
    assert [(method, path) for method, path, _, _ in asked] == [
        ("PUT", "/passages"),
        ("POST", "/passages/_bulk"),
        ("POST", "/passages/_refresh"),
        ("GET", "/passages/_count"),
    ]
    lines = asked[1][3]
    assert lines[0] == {"index": {"_id": "p1"}}
    assert lines[5]["text"] == PASSAGES[2].text
    assert len(lines) == 2 * len(PASSAGES)


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (200, {}, "garbage"),
        (200, [], "garbage"),
        (200, {"responses": []}, "garbage"),
        (200, {"responses": [{"hits": {}}]}, "garbage"),
        (200, {"responses": [None]}, "garbage"),
        (200, {"responses": [found(("a", None, TARN))]}, "garbage"),
        (200, {"responses": [found(("a", 1.0, {"body": "x"}))]}, "a document must have contents"),
        (200, {"responses": [{"error": {"type": "too_many_clauses"}, "status": 400}]}, "too_many_clauses"),
        (404, {"error": "no such index"}, "status 404"),
    ],
)
def test_what_open_search_answers_wrongly_is_a_fault_of_the_retriever(status, answer, said):
    with recorded([(status, answer)]) as (url, _), pytest.raises(RetrieverFailed, match=said) as caught:
        OpenSearch(url).search(["tarn"], 2)
    assert "\n" not in str(caught.value)


def test_passages_that_open_search_does_not_take_are_a_fault():
    refused = {"errors": True, "items": [{"index": {"_id": "p1", "error": {"type": "mapper_parsing_exception"}}}]}
    with recorded([(200, {}), (200, refused)]) as (url, _), pytest.raises(RetrieverFailed, match="mapper_parsing"):
        OpenSearch(url).load(PASSAGES)
    taken = {"errors": False, "items": []}
    lost = [(200, {}), (200, taken), (200, {}), (200, {"count": 3})]
    with recorded(lost) as (url, _), pytest.raises(RetrieverFailed, match="must hold 12 passages, got 3"):
        OpenSearch(url).load(PASSAGES)


def test_open_search_has_limits_that_are_said():
    with pytest.raises(ValueError, match="must end in the name of an index"):
        OpenSearch("http://localhost:9200/")
    with pytest.raises(ValueError, match="k must be at most 10000"):
        OpenSearch("http://localhost:9200/x").search(["a"], 10_001)
    assert OpenSearch("http://me:secret@localhost:9200/x").fingerprint == "unpinned http://localhost:9200/x"


# A real PostgreSQL server


@pytest.fixture(scope="module")
def postgres():
    """The address of a server that was started for these tests, on a socket in a folder of its own."""
    binaries = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb"))
    if not binaries and not shutil.which("initdb"):
        pytest.skip("no PostgreSQL server is installed: neither /usr/lib/postgresql/*/bin/initdb nor initdb on PATH")
    programs = Path(binaries[-1] if binaries else shutil.which("initdb")).parent
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, user)
    as_user = {"user": user} if os.geteuid() == 0 else {}
    data, quiet = folder / "data", {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    subprocess.run(
        [programs / "initdb", "-D", data, "-U", "sparring", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
        check=True, timeout=120, **quiet, **as_user,
    )  # fmt: skip
    command = [programs / "postgres", "-D", data, "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
    server = subprocess.Popen(command, **quiet, **as_user)
    try:
        address = f"postgresql://sparring@/postgres?host={folder}"
        _wait_for(folder / ".s.PGSQL.5432", server)
        yield address, server
    finally:
        server.send_signal(signal.SIGCONT)
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)
        shutil.rmtree(folder)


def _wait_for(path, server):
    deadline = time.monotonic() + 60
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as attempt:
            if path.exists() and attempt.connect_ex(str(path)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


@pytest.fixture
def loaded(postgres, request):
    retriever = Postgres(postgres[0], table=f"of {request.node.name[:40]}", timeout=20)
    assert retriever.load(PASSAGES) == len(PASSAGES)
    return retriever


@pytest.mark.slow
def test_postgres_finds_passages_as_they_were_loaded(loaded):
    tarn, nothing, odd, hostile = loaded.search(["TARN", "nowhere", "sao 東京", "' | & ! \\ \0 \ud800 :*"], 5)
    assert [hit.passage for hit in tarn] == PASSAGES[:1]
    assert nothing == hostile == []
    assert [hit.passage for hit in odd] == [PASSAGES[2]]
    assert all(hit.score > 0 for hit in tarn)
    assert loaded.search(["", "tarn " * 200_000], 1)[1][0].passage == PASSAGES[0]
    with pytest.raises(ValueError, match="k must be >= 1, got 0"):
        loaded.search(["tarn"], 0)


@pytest.mark.slow
def test_postgres_orders_equal_scores_by_id_at_the_last_place_too(loaded):
    (everything,) = loaded.search(["equal"], 100)
    assert [hit.passage.id for hit in everything] == [f"twin{n}" for n in range(9)]
    for k in range(1, 9):
        assert loaded.search(["equal"], k) == [everything[:k]]


@pytest.mark.slow
def test_threads_share_a_connection_to_postgres(loaded):
    expected, answers = loaded.search(["ostrel"], 3), []
    threads = [threading.Thread(target=lambda: answers.append(loaded.search(["ostrel"], 3))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 8


@pytest.mark.slow
def test_loading_is_all_or_nothing(postgres):
    retriever = Postgres(postgres[0], table="twice")
    with pytest.raises(RetrieverFailed, match="duplicate key"):
        retriever.load([PASSAGES[0], PASSAGES[0]])
    with pytest.raises(RetrieverFailed, match='relation "twice" does not exist'):
        retriever.search(["tarn"], 1)
    assert retriever.load(PASSAGES) == len(PASSAGES)
    with pytest.raises(RetrieverFailed, match="already exists"):
        retriever.load(PASSAGES)
    assert retriever.search(["tarn"], 1)[0]


@pytest.mark.slow
def test_a_database_that_is_not_there_or_hangs_is_a_fault_and_the_next_search_connects_again(postgres, tmp_path):
    address, server = postgres
    with pytest.raises(RetrieverFailed, match="failed: "):
        Postgres(f"postgresql://x@/postgres?host={tmp_path}").search(["a"], 1)
    retriever = Postgres(address, table="hangs", timeout=1)
    retriever.load(PASSAGES)
    (backend,) = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if _parent(path) == server.pid and b"sparring postgres" in (path.parent / "cmdline").read_bytes()
    ] or [None]
    os.kill(backend, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(RetrieverFailed, match="failed: "):
        retriever.search(["tarn"], 1)
    assert time.monotonic() - start < 10
    os.kill(backend, signal.SIGCONT)
    assert retriever.search(["tarn"], 1)[0][0].passage == PASSAGES[0]


def _parent(stat):
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def test_wrong_addresses_of_databases_are_refused_without_the_password():
    for dsn in ("postgresql://me:secret@host/x?nope=1", "password=secret and more"):
        with pytest.raises(ValueError, match="the address of a database must be") as caught:
            Postgres(dsn)
        assert "secret" not in str(caught.value)
    with pytest.raises(ValueError, match="table must be a name"):
        Postgres("postgresql://x@h/d", table="")
    assert "secret" not in Postgres("postgresql://me:secret@host/x").fingerprint
