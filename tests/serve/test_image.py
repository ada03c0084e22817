"""The image that serves environments, in a real engine."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sparring.sandbox.backends.docker import connect
from sparring.sandbox.types import SandboxUnavailable
from sparring.serve.image import build_image

ASKS = """
import json, urllib.request
request = urllib.request.Request("http://127.0.0.1:8000/Adventure/reset", b'{"seed": 3}', {"Authorization": "Bearer s"})
print(urllib.request.urlopen(request).read().decode())
"""


@pytest.fixture
def engine() -> Iterator[Any]:
    try:
        client = connect()
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    yield client
    client.close()


@pytest.mark.slow
def test_a_container_serves(engine: Any) -> None:
    name = f"sparring-served:{secrets.token_hex(4)}"
    build_image(
        name, ["serve", "--envs", "KuhnPoker,Adventure", "--host", "0.0.0.0", "--port", "8000"], ("serve", "adventures")
    )
    container = engine.containers.run(name, detach=True, network_mode="none", environment={"SPARRING_TOKEN": "s"})
    try:
        end = time.monotonic() + 60
        while b"Adventure" not in container.logs():
            assert time.monotonic() < end, container.logs()
            time.sleep(0.2)
        python = engine.images.get(name).attrs["Config"]["Cmd"][0]
        code, said = container.exec_run([python, "-c", ASKS])
        assert code == 0, said
        assert json.loads(said)["observation"]["text"]
        assert container.exec_run([python, "-c", "import os; print(os.getuid())"])[1] == b"1000\n"
    finally:
        container.remove(force=True)
        engine.images.remove(name, force=True)
