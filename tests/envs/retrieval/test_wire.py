"""The `/retrieve` wire of Search-R1, both ways: our server with a client, our client with servers, written after it.

The schema (Search-R1, search_r1/search/retrieval_server.py):
    POST /retrieve {"queries": [str], "topk": int | null, "return_scores": bool}
    with scores     {"result": [[{"document": {"id": str, "contents": "title\\ntext"}, "score": float}]]}
    without         {"result": [[{"id": str, "contents": str}]]}
"""

import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import Request, urlopen

import pytest

from sparring.envs.retrieval.bm25 import Bm25
from sparring.envs.retrieval.index import build_index
from sparring.envs.retrieval.named import manifest_of, open_retriever
from sparring.envs.retrieval.types import Passage, RetrieverFailed, Triple
from sparring.envs.retrieval.wire.answering import MOST_BYTES
from sparring.envs.retrieval.wire.remote import Remote
from sparring.envs.retrieval.wire.server import serve

PASSAGES = [
    Passage("p1", "Tarn", "Tarn is the capital of Ostrel.", (Triple("Tarn", "capital of", "Ostrel"),)),
    Passage("p2", "Ostrel", "Ostrel pays in crowns.\nIt borders Vell."),
    Passage("p3", "Odd\nTitle", "lone \ud800 and NUL \0 in Ostrel"),
]


@contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def answering(say, status=200):
    """A server of another make; `say` gives the bytes for the request's body."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(say(json.loads(body)))

        def log_message(self, *args):
            pass

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


@contextmanager
def raw(behave):
    """A socket that accepts, and then does what `behave` does with the connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def accept():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=behave, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def ours():
    with running(serve(Bm25(PASSAGES))) as url:
        yield url


def search_r1_client(url, queries, topk=3, return_scores=True):
    """As Search-R1's LLMGenerationManager asks: one POST, the answer's "result"."""
    body = json.dumps({"queries": queries, "topk": topk, "return_scores": return_scores}).encode()
    with urlopen(Request(f"{url}/retrieve", body, {"Content-Type": "application/json"}), timeout=10) as answer:
        return json.load(answer)["result"]


def search_r1_text(rows):
    """As Search-R1's _passages2string shows them."""
    shown = ""
    for at, row in enumerate(rows):
        title, *text = row["document"]["contents"].split("\n")
        shown += f"Doc {at + 1}(Title: {title}) {chr(10).join(text)}\n"
    return shown


def post(url, body, headers=None, path="/retrieve"):
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    connection.request("POST", path, body, headers or {})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def get(url, path):
    with urlopen(f"{url}{path}", timeout=10) as answer:
        return json.load(answer)


def test_a_client_of_search_r1_reads_what_our_server_answers(ours):
    (tarn, nothing, twin) = search_r1_client(ours, ["Tarn", "nowhere", "Tarn"])
    assert search_r1_text(tarn) == "Doc 1(Title: Tarn) Tarn is the capital of Ostrel.\n"
    assert tarn == twin
    assert nothing == []
    assert tarn[0]["document"]["id"] == "p1"
    assert tarn[0]["score"] > 0


@pytest.mark.parametrize("count", [1, 2, 3])
def test_without_scores_each_query_gets_its_documents_however_many_queries_there_are(ours, count):
    results = search_r1_client(ours, ["ostrel", "tarn", "crowns"][:count], topk=1, return_scores=False)
    assert [[document["id"] for document in rows] for rows in results] == [["p2"], ["p1"], ["p2"]][:count]
    assert all("\n" in document["contents"] for rows in results for document in rows)


def test_our_client_gets_from_our_server_what_the_retriever_gives(ours):
    local, remote = Bm25(PASSAGES), Remote(ours)
    queries = ["ostrel", "", "Tarn", "ostrel", "odd \ud800", "crowns " * 2000]
    assert remote.search(queries, 3) == local.search(queries, 3)
    assert remote.fingerprint == local.fingerprint
    assert Remote(f"{ours}/retrieve/").search(["tarn"], 1) == local.search(["tarn"], 1)
    assert remote.search([], 1) == []
    with pytest.raises(ValueError, match="k must be >= 1, got 0"):
        remote.search(["tarn"], 0)


def test_more_queries_than_one_request_takes_keep_their_order(ours):
    queries = [("tarn", "crowns", "nowhere")[at % 3] for at in range(700)]
    assert Remote(ours).search(queries, 2) == Bm25(PASSAGES).search(queries, 2)


def test_threads_share_a_client_and_a_server(ours):
    remote, expected = Remote(ours), Bm25(PASSAGES).search(["ostrel"], 3)
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(remote.search(["ostrel"], 3))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 16


def test_an_index_in_a_folder_is_served_with_its_manifest(tmp_path):
    index = build_index(PASSAGES, tmp_path / "index")
    retriever = open_retriever(str(tmp_path / "index"), PASSAGES)
    with running(serve(retriever, manifest_of(retriever))) as url:
        assert get(url, "/health") == {"status": "ok"}
        assert get(url, "/manifest") == json.loads((tmp_path / "index" / "manifest.json").read_text())
        remote = open_retriever(url)
        assert remote.fingerprint == index.fingerprint
        assert remote.search(["ostrel"], 2) == index.search(["ostrel"], 2)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"\xff\xfe\x00", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"[]", "must be a JSON object with queries, got []"),
        (b"{}", "queries is missing"),
        (b'{"query": "a"}', 'queries is missing, a list of texts; the body has ["query"]'),
        (b'{"queries": "tarn"}', 'queries must be a list of texts, got "tarn"'),
        (b'{"queries": [1]}', "queries must be a list of texts, got [1]"),
        (b'{"queries": ["a"], "topk": 0}', "topk must be a whole number from 1 to 1000, got 0"),
        (b'{"queries": ["a"], "topk": -1}', "topk must be a whole number from 1 to 1000, got -1"),
        (b'{"queries": ["a"], "topk": 1001}', "topk must be a whole number from 1 to 1000, got 1001"),
        (b'{"queries": ["a"], "topk": 1.5}', "topk must be a whole number from 1 to 1000, got 1.5"),
        (b'{"queries": ["a"], "topk": true}', "topk must be a whole number from 1 to 1000, got true"),
        (b'{"queries": ["a"], "topk": "3"}', 'topk must be a whole number from 1 to 1000, got "3"'),
        (b'{"queries": ["a"], "return_scores": 1}', "return_scores must be true or false, got 1"),
        (json.dumps({"queries": ["a"] * 5000}).encode(), "queries must be at most 4096, got 5000"),
    ],
)
def test_a_wrong_request_gets_400_and_one_line_and_the_server_goes_on(ours, body, said):
    status, answer = post(ours, body)
    assert (status, list(answer)) == (400, ["error"])
    assert said in answer["error"]
    assert "\n" not in answer["error"]
    assert search_r1_client(ours, ["tarn"])[0]


@pytest.mark.parametrize("line", ["NONSENSE", "PUT /x HTTP/1.1", f"GET /{'a' * 70_000} HTTP/1.1", "GET / HTTP/9.1"])
def test_what_the_base_class_refuses_is_json_too(ours, line):
    host, _, port = ours.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(f"{line}\r\n\r\n".encode())
        answer = connection.makefile("rb").read()
    assert list(json.loads(answer.rpartition(b"\r\n\r\n")[2])) == ["error"]


@pytest.mark.parametrize("path", ["/health", "/manifest"])
def test_head_answers_as_get_without_a_body(ours, path):
    with urlopen(Request(f"{ours}{path}", method="HEAD"), timeout=10) as answer:
        assert (answer.status, answer.read()) == (200, b"")
        assert int(answer.headers["Content-Length"]) > 0


def test_an_address_that_cannot_be_had_is_named(ours):
    port = int(ours.rpartition(":")[2])
    with pytest.raises(OSError, match=f"127.0.0.1, port {port}: "):
        serve(Bm25(PASSAGES), port=port)


def test_bodies_without_a_length_or_too_long_are_refused(ours):
    assert post(ours, iter([b"{}"]))[0] == 400
    status, answer = post(ours, b" " * (MOST_BYTES + 1))
    assert (status, answer["error"]) == (400, f"the body must have at most {MOST_BYTES} bytes, got {MOST_BYTES + 1}")
    assert post(ours, b"{}", path="/search")[0] == 404
    assert post(ours, b"{}", {"Host": "evil.example"})[0] == 403


def test_what_a_request_leaves_out_has_the_wire_s_defaults(ours):
    status, answer = post(ours, b'{"queries": ["ostrel"], "topk": null, "query_ids": ["7"]}')
    assert status == 200
    assert len(answer["result"][0]) == 3
    assert "document" not in answer["result"][0][0]


def test_our_client_speaks_to_a_server_of_search_r1():
    def say(asked):
        assert asked == {"queries": ["tarn", "vell"], "topk": 2, "return_scores": True}
        document = {"id": "7", "contents": '"Tarn"\nA town.\nOld.'}
        weaker = {"contents": "no id"}
        rows = [{"document": weaker, "score": 0.5}, {"document": document, "score": 2}, {"document": {}, "score": 0}]
        return json.dumps({"result": [rows[:2], []]}).encode()

    with answering(say) as url:
        remote = Remote(url)
        (tarn, vell) = remote.search(["tarn", "vell"], 2)
        assert [(hit.passage.title, hit.passage.text, hit.score) for hit in tarn] == [
            ('"Tarn"', "A town.\nOld.", 2.0),
            ("no id", "", 0.5),
        ]
        assert vell == []
        assert remote.fingerprint == f"unpinned {url}"


GARBAGE = [
    (b"", "must answer /retrieve with JSON"),
    (b"<html>", "must answer /retrieve with JSON"),
    (b"[" * 100_000, "must answer /retrieve with JSON"),
    (b"{}", "result is missing"),
    (b"[]", "garbage"),
    (b"null", "garbage"),
    (b'{"result": []}', "1 queries must get as many lists"),
    (b'{"result": [[], []]}', "1 queries must get as many lists"),
    (b'{"result": {"0": []}}', "1 queries must get as many lists"),
    (b'{"result": [null]}', "the answer to a query must be a list"),
    (b'{"result": [["text"]]}', "a hit must be an object"),
    (b'{"result": [[{"score": 1}]]}', "a document must be an object"),
    (b'{"result": [[{"document": {"contents": 3}, "score": 1}]]}', "a document must have contents"),
    (b'{"result": [[{"document": {"id": [], "contents": "x"}, "score": 1}]]}', "the id of a document"),
    (b'{"result": [[{"document": {"contents": "x"}}]]}', "the score of a hit must be a finite number, got None"),
    (b'{"result": [[{"document": {"contents": "x"}, "score": NaN}]]}', "must be a finite number, got nan"),
    (b'{"result": [[{"document": {"contents": "x"}, "score": true}]]}', "must be a finite number, got True"),
    (b'{"result": [[{"document": {"contents": "x", "triples": 3}, "score": 1}]]}', "triples must be lists"),
]


@pytest.mark.parametrize(("content", "said"), GARBAGE)
def test_garbage_is_a_fault_of_the_retriever(content, said):
    with answering(lambda asked: content) as url, pytest.raises(RetrieverFailed, match=said) as caught:
        Remote(url).search(["tarn"], 3)
    assert "\n" not in str(caught.value)


def test_another_status_than_200_is_a_fault_that_says_what_the_server_said():
    with answering(lambda asked: b"no memory", status=500) as url, pytest.raises(RetrieverFailed, match="500: no mem"):
        Remote(url).search(["tarn"], 3)


def drip(connection):
    """Headers at once, then a byte now and then, for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
    try:
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)
    except OSError:
        return


@pytest.mark.parametrize("behave", [lambda connection: time.sleep(30), drip], ids=["says nothing", "drips"])
def test_a_server_that_hangs_is_a_fault_after_the_time_that_it_has(behave):
    start = time.monotonic()
    with raw(behave) as url, pytest.raises(RetrieverFailed, match=r"did not answer /retrieve in 0\.3 s"):
        Remote(url, timeout=0.3).search(["tarn"], 3)
    assert time.monotonic() - start < 5


def test_a_server_that_dies_is_a_fault():
    def break_off(connection):
        connection.recv(100)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        connection.close()

    with raw(lambda connection: connection.close()) as url, pytest.raises(RetrieverFailed, match="failed: "):
        Remote(url).search(["tarn"], 3)
    with raw(break_off) as url, pytest.raises(RetrieverFailed, match="failed: "):
        Remote(url).search(["tarn"], 3)
    with running(serve(Bm25(PASSAGES))) as url:
        remote = Remote(url)
        assert remote.search(["tarn"], 3)
    with pytest.raises(RetrieverFailed, match="failed: "):
        remote.search(["tarn"], 3)
    with pytest.raises(RetrieverFailed, match="failed: "):
        _ = Remote(url).fingerprint


def test_a_server_that_comes_back_with_another_index_is_a_fault():
    with running(serve(Bm25(PASSAGES))) as url:
        remote = Remote(url)
        remote.search(["tarn"], 3)
        port = int(url.rpartition(":")[2])
    with running(serve(Bm25(PASSAGES[:1]), port=port)), pytest.raises(RetrieverFailed, match="has another index now"):
        remote.search(["tarn"], 3)


def test_a_retriever_that_fails_behind_our_server_is_503_and_a_fault_of_the_client():
    class Broken:
        fingerprint = "0" * 64

        def search(self, queries, k):
            raise RetrieverFailed("the disk\nis gone")

    with running(serve(Broken())) as url:
        assert post(url, b'{"queries": ["a"]}') == (503, {"error": "RetrieverFailed: the disk is gone"})
        with pytest.raises(RetrieverFailed, match="status 503"):
            Remote(url).search(["a"], 3)


@pytest.mark.parametrize("url", ["ftp://x", "http://", "http:///x", "http://x:99999", "localhost:8000"])
def test_wrong_addresses_are_refused(url):
    with pytest.raises(ValueError, match="the address of a retriever must"):
        Remote(url)


def test_a_password_is_sent_and_never_shown():
    seen = []

    def behave(connection):
        seen.append(connection.recv(10_000))
        connection.close()

    with raw(behave) as url, pytest.raises(RetrieverFailed) as caught:
        Remote(url.replace("http://", "http://me:se%20cret@")).search(["x"], 1)
    assert b"Authorization: Basic bWU6c2UgY3JldA==" in seen[0]
    assert "cret" not in str(caught.value)


def test_a_server_of_ours_that_holds_another_corpus_is_refused(tmp_path):
    index = build_index(PASSAGES, tmp_path / "index")
    with running(serve(index, manifest_of(index))) as url:
        assert open_retriever(url, PASSAGES, "mine").search(["Tarn"], 1)[0][0].passage.id == "p1"
        with pytest.raises(ValueError, match=rf"the retriever at {url} serves another corpus than yours"):
            open_retriever(url, PASSAGES[:2], "yours")
    with running(serve(Bm25(PASSAGES))) as url:  # says its fingerprint alone
        assert open_retriever(url, PASSAGES[:2], "yours").search(["Tarn"], 1)[0]
