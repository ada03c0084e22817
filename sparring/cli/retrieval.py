"""`sparring retrieval build | search | serve`: indexes of passages, and what they answer."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from sparring.cli import parsing, terminal
from sparring.envs.retrieval.bm25 import K1, B, Scorer
from sparring.envs.retrieval.index.engines import Engine
from sparring.plurals import number_of

if TYPE_CHECKING:
    from sparring.envs.retrieval.index import Index
    from sparring.envs.retrieval.index.engines import Encoder
    from sparring.envs.retrieval.types import Passage, Retriever

Flag = tyro.conf.FlagCreatePairsOff[bool]
app = parsing.Commands()
TEXT_SHOWN = 160
"""Characters of a passage in the table."""
PAUSE = 0.5


@app.command
def build(
    source: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="SOURCE")],
    /,
    output: Annotated[Path, tyro.conf.arg(aliases=["-o"])],
    engine: Engine = "bm25",
    k1: float = K1,
    b: float = B,
    encoder: str = "minilm",
    json: Flag = False,
) -> int:
    """Build the index of a world or of your passages, in a new folder; equal passages give equal bytes.

    Args:
        source: A world (`fiction`, `atlas`, with options as in `fiction:size=5000`), or a file that ends in .jsonl with
            a passage a line: {"id", "contents"} as in FlashRAG and Search-R1, {"_id", "title", "text"} as in BEIR.
        output: The folder, new or empty.
        engine: bm25: words, exact and fast, in this process. tantivy: words, for many millions of passages. dense:
            meaning, by an embedding model. hybrid: bm25 and dense together.
        k1: Of BM25: how much a word that is repeated counts, >= 0 (bm25 and hybrid).
        b: Of BM25: how much long passages are held back, 0 to 1 (bm25 and hybrid).
        encoder: minilm, or the folder of another model of Hugging Face whose vectors are means (dense and hybrid).
        json: Print JSON.
    """
    from sparring.envs.retrieval.index import build_index
    from sparring.envs.retrieval.index.folder import require_free

    require_free(output)
    start = time.process_time()
    passages = _passages(source, quiet=json)
    model = _encoder(engine, encoder)
    with terminal.progress("indexing", len(passages), quiet=json) as advance:
        index = build_index(passages, output, engine, k1, b, model, progress=lambda done: advance(done))
    seconds, size = time.process_time() - start, sum(file.bytes for file in index.manifest.files.values())
    if json:
        terminal.dump({"folder": str(output), "cpu_seconds": seconds, "bytes": size, **index.manifest.as_json()})
    else:
        terminal.say(
            f"{output}: {number_of(len(passages), 'passage')}, {engine}, {size / 1e6:.1f} MB, {seconds:.1f} CPU s, "
            f"fingerprint {index.fingerprint[:12]}"
        )
    return 0


@app.command
def search(
    retriever: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="INDEX")],
    query: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="QUERY")],
    /,
    k: Annotated[int, tyro.conf.arg(aliases=["-k"])] = 5,
    scorer: Scorer = "auto",
    encoder: str = "minilm",
    json: Flag = False,
) -> int:
    """Show what an index, or a server of the kind of Search-R1, finds for a query. Exit code 1 if it finds nothing.

    Args:
        retriever: The folder of an index, or the address of a server: http://HOST:PORT for the wire of Search-R1,
            opensearch+http://HOST:9200/INDEX, postgresql://USER@HOST/DATABASE.
        query: What to look for.
        k: How many passages.
        scorer: What adds up BM25's scores; both give the same answers, numba is faster in large corpora.
        encoder: What a dense or hybrid index was built with.
        json: Print JSON.
    """
    if k < 1:
        raise ValueError(f"k must be >= 1, got {k}")
    (hits,) = _retriever(retriever, scorer, encoder).search([query], k)
    if json:
        from sparring.envs.retrieval.wire.documents import document_of

        terminal.dump([{"document": document_of(hit.passage), "score": hit.score} for hit in hits])
    elif hits:
        rows = [
            (f"{hit.score:.3f}", *map(_start, (hit.passage.id, hit.passage.title, hit.passage.text))) for hit in hits
        ]
        terminal.show_table(("score", "id", "title", "text"), rows, names=(1, 2), prose=3)
    else:
        terminal.say("nothing found: no passage has a word of the query")
    return int(not hits)


@app.command
def serve(
    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="INDEX")],
    /,
    host: str = "127.0.0.1",
    port: int = 8000,
    scorer: Scorer = "auto",
    encoder: str = "minilm",
) -> int:
    """Answer `POST /retrieve` of trainers that speak the wire of Search-R1 (verl, SkyRL, ..), until Ctrl-C.

    Every file of the index is compared with its manifest first.

    Args:
        folder: The index.
        host: The address; another than this machine's own answers whoever can reach it.
        port: The port; 0: any that is free.
        scorer: What adds up BM25's scores; both give the same answers, numba is faster in large corpora.
        encoder: What a dense or hybrid index was built with.
    """
    from sparring.envs.retrieval.cache import Cached
    from sparring.envs.retrieval.wire import server

    if not 0 <= port < 2**16:
        raise ValueError(f"port must be in 0..65535, got {port}")
    if not host:
        raise ValueError("host must be a name or an address, got '' (0.0.0.0 is every address of this machine)")
    index = _open(folder, scorer, encoder, full=True)
    index.search([index.passages[0].contents], 1)  # what is compiled or loaded late is ready before the first request
    with server.serve(Cached(index), index.manifest.as_json(), host, port) as running:
        where = f"http://{'[' + host + ']' if ':' in host else host}:{running.server_address[1]}"
        terminal.say(
            f"{where}/retrieve answers from {folder}, {number_of(index.manifest.passages, 'passage')}, "
            f"fingerprint {index.fingerprint[:12]}, until Ctrl-C"
        )
        with suppress(KeyboardInterrupt):
            running.serve_forever(poll_interval=PAUSE)
    return 0


def _passages(source: str, quiet: bool) -> list[Passage]:
    from sparring.envs.retrieval.corpus import counted
    from sparring.envs.retrieval.reading import count_lines, read_passages
    from sparring.envs.retrieval.worlds import load_world

    if not source.endswith(".jsonl"):
        if Path(source).is_file():
            raise ValueError(f"{source}: a file of passages must end in .jsonl")
        return list(load_world(source).passages)
    with terminal.progress("reading", count_lines(Path(source)), quiet=quiet) as advance:
        return list(counted(read_passages(Path(source)), lambda done: advance(done)))


def _retriever(name: str, scorer: Scorer, encoder: str) -> Retriever:
    from sparring.envs.retrieval.named import is_address, open_retriever, require_name

    require_name(name)
    return open_retriever(name) if is_address(name) else _open(Path(name), scorer, encoder)


def _open(folder: Path, scorer: Scorer, encoder: str, full: bool | None = None) -> Index:
    from sparring.envs.retrieval.index import open_index
    from sparring.envs.retrieval.manifest import read_manifest

    engine = str(read_manifest(folder).settings.get("engine"))
    return open_index(folder, scorer, full, encoder=_encoder(engine, encoder))


def _encoder(engine: str, name: str) -> Encoder | None:
    """Loaded only for the engines that need one."""
    if engine not in ("dense", "hybrid"):
        return None
    from sparring.agents.models.embedding import load_encoder

    return load_encoder(name)


def _start(text: str) -> str:
    line = terminal.printable(" ".join(text.split()), keep="")
    return line if len(line) <= TEXT_SHOWN else f"{line[:TEXT_SHOWN]} .."
