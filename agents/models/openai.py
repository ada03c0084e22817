"""Any model behind a server that speaks OpenAI's chat protocol: vLLM, llama.cpp, Ollama, a vendor.

Such a server shows text and no tokens, so its models play and are evaluated, and cannot be trained by RL; of one that
does show them `served_tokens` makes a model that can. The `openai`
package speaks to it: `OPENAI_BASE_URL` and `OPENAI_API_KEY` say where and as whom; it retries what may pass. A request
has `SPARRING_SERVER_TIMEOUT` seconds, all retries and waits included. What the server sends is read by `chat_answer`.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from sparring import registry
from sparring.agents.models.byte_tokens import END, TextModel, messages_of
from sparring.agents.models.chat_answer import read_answer
from sparring.agents.models.pictures import data_uri
from sparring.content import Blob
from sparring.protocols import Completion, Ids
from sparring.types import FaultKind, Sampling, mark_fault

A = TypeVar("A")
AT_ONCE = 16
"""Requests in flight; servers batch what comes together."""
SEEDS = 2**31
TIMEOUT = 120.0
"""Seconds that a request has, unless `SPARRING_SERVER_TIMEOUT` says otherwise."""
BYTES_PER_TOKEN = 16
"""A token of a text is 3 to 5 bytes on average; with more than this the server has not kept to `max_tokens`."""
FRAME_BYTES, ESCAPED = 2**16, 8
"""What may stand around an answer's text, and how many bytes of JSON one of its bytes may be."""
LEAST_SECRET = 8
"""Shorter keys are placeholders such as `none`, and words of ordinary texts."""
Schema = Mapping[str, object]
"""A JSON schema."""
MOST_SAID = 500
"""Characters of a server's complaint that are passed on."""


_STATUSES: ContextVar[list[int]] = ContextVar("_STATUSES")
"""The statuses that the request under way has been answered with so far, before its retries."""


@dataclass(frozen=True, slots=True)
class _Line:
    """What one event loop speaks to the server with; another loop could not wait for it."""

    loop: asyncio.AbstractEventLoop
    slots: asyncio.Semaphore
    client: Any


class OpenAIModel(TextModel):
    """A model by the name that its server knows it by. Its tokens, here, are the bytes of what it writes.

    Raises MissingExtra; ConnectionError, from `generate`, where the server does not answer in time or answers something
    else.
    """

    shows_logprobs = False
    wants: Mapping[str, object] = {}
    """What a request asks for beside its answer."""
    read = staticmethod(read_answer)

    def __init__(self, name: str, url: str | None = None, timeout: float | None = None) -> None:
        """`url`: where the server is, if not at `OPENAI_BASE_URL`. `timeout`, seconds, is that of a whole request."""
        self._package = registry.require("openai", "openai")
        self.timeout = _timeout() if timeout is None else _positive(timeout, "timeout")
        where = os.environ.get("OPENAI_BASE_URL") if url is None else _address(url)
        self._key = _key()
        if not (where or self._key):
            raise ValueError(
                f"where is {name!r} served? Write openai:{name}:url=http://localhost:8000/v1, or set OPENAI_BASE_URL, "
                "or OPENAI_API_KEY"
            )
        self._client = self._package.AsyncOpenAI(
            base_url=where or None,
            api_key=self._key or "none",  # a server of one's own asks for no key, but the package does
            timeout=self.timeout,
            default_headers={"Accept-Encoding": "identity"},  # or a little body could become a large one
        )
        self.name, self.weights_version = name, "served"
        self._line: _Line | None = None

    async def generate(self, prompt: Ids, sampling: Sampling, seed: int) -> Completion:
        """One request; its time runs from when it is sent, which is when fewer than `AT_ONCE` are under way.

        The server may ignore the seed.
        """
        return await self.generate_as(prompt, sampling, seed, None)

    async def generate_seeing(self, prompt: Ids, sampling: Sampling, seed: int, pictures: Sequence[Blob]) -> Completion:
        """As `generate`, with pictures in the last message; a server whose model reads text only may refuse them."""
        return await self.generate_as(prompt, sampling, seed, None, pictures)

    async def generate_as(
        self, prompt: Ids, sampling: Sampling, seed: int, schema: Schema | None, pictures: Sequence[Blob] = ()
    ) -> Completion:
        """As `generate`; with a schema the server is asked to send JSON that it describes, which it may ignore."""
        most = BYTES_PER_TOKEN * (sampling.max_new_tokens + 4)
        form = {"json_schema": {"name": "answer", "strict": True, "schema": schema}, "type": "json_schema"}
        async with self._line_here().slots:
            answer = await self._ask(
                self.read,
                most,
                messages=_messages(prompt, pictures),
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                max_tokens=sampling.max_new_tokens,
                seed=seed % SEEDS,
                **({} if schema is None else {"response_format": form}),
                **self.wants,
            )
        written = self._without_key(answer.text).encode("utf-8", "surrogatepass")
        if len(written) > most:
            written = written[:most].decode("utf-8", "ignore").encode()
        elif not answer.cut:
            return Completion((*written, END), None, "eos", self.weights_version, answer.exchange)
        return Completion(tuple(written), None, "length", self.weights_version, answer.exchange)

    def _line_here(self) -> _Line:
        loop = asyncio.get_running_loop()
        if self._line is None or self._line.loop is not loop or self._line.client.is_closed():
            hooks = {"response": [_note_status]}
            connections = self._package.DefaultAsyncHttpxClient(event_hooks=hooks, timeout=self.timeout)
            client = self._client.with_options(http_client=connections)
            self._line = _Line(loop, asyncio.Semaphore(AT_ONCE), client)
        return self._line

    async def _ask(self, read: Callable[[str, bool], A], most: int, **request: Any) -> A:
        """One question, within the time.

        `read` takes the answer out of a body, or out of the beginning of one that is too long, and raises ValueError
        where there is none. `most`: bytes that the answer may have, without JSON's own. Raises ConnectionError, without
        the key and without the server's own words in its cause.
        """
        statuses: list[int] = []
        kind: FaultKind = "engine"
        _STATUSES.set(statuses)
        try:
            async with asyncio.timeout(self.timeout):
                body, whole = await self._send(FRAME_BYTES + ESCAPED * most, request)
                return read(self._without_key(body.decode("utf-8", "replace")), whole)
        except TimeoutError:
            seen = f", its last status was {statuses[-1]}" if statuses else ""
            reason = f"not within {self.timeout:g} s{seen} (SPARRING_SERVER_TIMEOUT sets how long)"
        except Exception as error:  # noqa: BLE001  (whatever is wrong with an answer, the server sent it)
            kind = getattr(error, "fault_kind", kind)
            said = f"{str(error) or type(error).__name__} {error.__cause__ or ''}"
            reason = self._without_key(said.rstrip())[:MOST_SAID]  # in this order: half a key is one too
        if "messages" in request and isinstance(request["messages"][-1]["content"], list):
            reason += "; it was sent pictures, which a model that reads text only refuses"
        failure = ConnectionError(
            f"{self.name!r} at {_without_user(str(self._client.base_url))} gave no answer: {reason} "
            "(the option url, or OPENAI_BASE_URL, says where it is, and OPENAI_API_KEY as whom)"
        )
        raise mark_fault(failure, kind)

    async def _send(self, most: int, request: dict[str, Any]) -> tuple[bytes, bool]:
        """The body of the answer and whether it is whole; of a longer one little more than `most` bytes are read."""
        body = bytearray()
        client = self._line_here().client
        asked = client.chat.completions if "messages" in request else client.completions
        async with asked.with_streaming_response.create(model=self.name, **request) as response:
            async for chunk in response.iter_bytes():
                body += chunk
                if len(body) > most:
                    return bytes(body), False
        return bytes(body), True

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if len(self._key) >= LEAST_SECRET else text


async def _note_status(response: Any) -> None:
    _STATUSES.get([]).append(response.status_code)


def _key() -> str:
    """The key, without the line break that a file ends with. Raises ValueError, which does not show it."""
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ValueError("OPENAI_API_KEY must be printable ASCII characters in one line; what it holds is not shown")
    return key


def _timeout() -> float:
    value = os.environ.get("SPARRING_SERVER_TIMEOUT")
    return TIMEOUT if not value else _positive(value, "SPARRING_SERVER_TIMEOUT")


def _positive(value: float | str, name: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise ValueError(f"{name} must be a number of seconds > 0, got {value!r}")
    return seconds


def _address(url: str) -> str:
    """The address of a server. Raises ValueError for what is none, or holds a password: names are recorded."""
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest:
        raise ValueError(f"url must begin with http:// or https://, got {_without_user(url)!r}")
    if "@" in rest.partition("/")[0]:
        raise ValueError(f"url must hold no password, got one for {_without_user(url)!r}: set OPENAI_API_KEY instead")
    return url


def _without_user(address: str) -> str:
    """The address without `user:password@`."""
    scheme, mark, rest = address.partition("://")
    place, slash, path = rest.partition("/")
    return scheme + mark + place.rpartition("@")[2] + slash + path


def _messages(prompt: Ids, pictures: Sequence[Blob]) -> list[dict[str, object]]:
    """The conversation as the server takes it; pictures become parts of its last message."""
    messages: list[dict[str, object]] = [
        {"role": said["role"], "content": _sendable(said["content"])} for said in messages_of(prompt)[:-1]
    ]
    if pictures:
        images = [{"type": "image_url", "image_url": {"url": data_uri(picture)}} for picture in pictures]
        messages[-1]["content"] = [{"type": "text", "text": messages[-1]["content"]}, *images]
    return messages


def _sendable(text: str) -> str:
    """The text with `?` for what is no Unicode, as models write it."""
    return text.encode("utf-8", "replace").decode()
