"""Plain requests, AgentGym's wire, the model context protocol."""

from __future__ import annotations

from typing import Any

import httpx
import pytest


@pytest.fixture
def http(kuhn: Any) -> Any:
    with httpx.Client(base_url=kuhn.address, timeout=20) as client:
        yield client


def test_what_there_is(http: httpx.Client) -> None:
    assert http.get("/list_environments").json() == ["KuhnPoker", "TicTacToe", "Search"]
    for at in ("", "/KuhnPoker"):
        assert http.get(f"{at}/health").json() == {"status": "healthy"}
        said = http.get(f"{at}/metadata").json()
        assert said["seats"] == ["player_0", "player_1"]
        assert said["opponents"] == ["random", "constant:bet"]
        assert set(http.get(f"{at}/schema").json()) == {"action", "observation", "state"}
        assert {"/reset", "/step", "/state", "/mcp"} <= set(http.get(f"{at}/openapi.json").json()["paths"])
    assert http.get("/Search/metadata").json()["splits"] == ["train", "held_out"]


def test_tasks_are_seeds_of_a_split(http: httpx.Client, kuhn: Any) -> None:
    assert [split["name"] for split in http.get("/Search/splits").json()] == ["train", "held_out"]
    assert http.post("/Search/num_tasks", json={"split": "train"}).json()["num_tasks"] == 2**31
    task = http.post("/Search/task", json={"split": "held_out", "index": 5}).json()["task"]
    assert task == {"id": "Search/held_out/5", "split": "held_out", "index": 5, "seed": 5}
    assert http.post("/Search/Search/task", json={"split": "held_out", "index": 5}).json()["task"] == task
    assert http.get("/Search/list_environments").json() == ["Search"]
    asked = {"split": "train", "start": 2, "stop": 4}
    assert [one["index"] for one in http.post("/Search/task_range", json=asked).json()["tasks"]] == [2, 3]
    assert len(http.post("/Search/tasks", json={"split": "train"}).json()["tasks"]) == 1_000
    with kuhn.client("Search") as client:
        texts = {split: client.reset(split=split, index=5)["observation"]["text"] for split in ("train", "held_out")}
        assert texts["train"] != texts["held_out"]
        assert client.reset(split="train", seed=5)["observation"]["text"] == texts["train"]
        assert client.reset(split="train", index=5, seed=99)["observation"]["text"] == texts["train"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/Search/task", {"split": "test", "index": 1}, 400),
        ("/Search/task", {"split": "train", "index": -1}, 400),
        ("/Search/task", {"split": "train", "index": "1"}, 400),
        ("/Search/task_range", {"split": "train", "start": 0, "stop": 10**6}, 400),
        ("/Search/num_tasks", [], 400),
        ("/Nothing/task", {"split": "train", "index": 1}, 404),
        ("/reset", {"seed": "x"}, 422),
        ("/step", {"action": "bet"}, 409),
        ("/KuhnPoker/agentgym/step", {"id": 99, "action": "bet"}, 404),
        ("/KuhnPoker/agentgym/reset", {"id": [], "data_idx": 1}, 404),
    ],
)
def test_a_wrong_request_is_refused_in_words(http: httpx.Client, path: str, body: object, status: int) -> None:
    answer = http.post(path, json=body)
    assert answer.status_code == status
    if status != 404 or "agentgym" in path:
        assert answer.json()["detail"]


def test_a_body_that_is_too_large_or_no_json(http: httpx.Client) -> None:
    assert http.post("/reset", content=b"x" * 10_000_000).status_code == 413
    assert http.post("/reset", content=b"{").status_code == 422
    assert http.get("/health").status_code == 200


def test_a_reset_by_request_shows_the_first_observation(http: httpx.Client, kuhn: Any) -> None:
    said = http.post("/KuhnPoker/reset", json={"seed": 7}).json()
    with kuhn.client("KuhnPoker") as client:
        assert said["observation"] == client.reset(seed=7)["observation"]


def test_a_token_is_asked_for(running: Any) -> None:
    with running("KuhnPoker", token="secret") as serving:
        assert httpx.get(f"{serving.address}/health").status_code == 401
        headers = {"Authorization": "Bearer secret"}
        assert httpx.get(f"{serving.address}/health", headers=headers).status_code == 200


def test_agentgym_plays_to_the_end(http: httpx.Client, kuhn: Any) -> None:
    at = "/TicTacToe/agentgym"
    id = http.post(f"{at}/create").json()["id"]
    assert http.post(f"{at}/create").json()["id"] != id
    said = http.post(f"{at}/reset", json={"id": id, "data_idx": 3}).json()
    paid, cell = 0.0, 0
    while not said["done"]:
        said = http.post(f"{at}/step", json={"id": id, "action": f"[{cell}]"}).json()
        paid += said["reward"]
        cell += 1
    assert said["score"] == paid
    assert http.post(f"{at}/step", json={"id": id, "action": "0"}).status_code == 400
    for path, wrong in (("step", {"action": 5}), ("reset", {"data_idx": "x"}), ("reset", {"data_idx": -1})):
        answer = http.post(f"{at}/{path}", json={"id": id, **wrong})
        assert (answer.status_code, next(iter(wrong)) in answer.json()["detail"]) == (422, True)
    assert http.post(f"{at}/close", json={"id": id}).json() is True
    assert http.post(f"{at}/step", json={"id": id, "action": "0"}).status_code == 404


def rpc(method: str, **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def test_an_agent_plays_by_two_tools(http: httpx.Client) -> None:
    begun = http.post("/TicTacToe/mcp", json=rpc("initialize"))
    headers = {"Mcp-Session-Id": begun.headers["Mcp-Session-Id"]}

    def call(tool: str, **arguments: object) -> dict[str, Any]:
        request = rpc("tools/call", name=tool, arguments=arguments)
        result: dict[str, Any] = http.post("/TicTacToe/mcp", json=request, headers=headers).json()["result"]
        return result

    tools = http.post("/TicTacToe/mcp", json=rpc("tools/list"), headers=headers).json()["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["begin", "act"]
    assert call("act", action="0")["isError"]
    said = call("begin", seed=3)
    while not said["structuredContent"]["done"]:
        said = call("act", action=said["structuredContent"]["legal_actions"][0])
    assert "The episode is over" in said["content"][0]["text"]
    assert http.delete("/TicTacToe/mcp", headers=headers).status_code == 204
    assert http.post("/TicTacToe/mcp", json=rpc("ping"), headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({}, -32600),
        ([], -32600),
        (rpc("nothing"), -32601),
        (rpc("tools/call", name="begin"), -32600),
        ({"method": {}, "id": {}}, -32600),
    ],
)
def test_a_wrong_call_is_an_error_of_the_protocol(http: httpx.Client, request_: object, code: int) -> None:
    said = http.post("/mcp", json=request_).json()
    assert (said["jsonrpc"], said["error"]["code"]) == ("2.0", code)


def test_broken_json_is_an_error_of_the_protocol(http: httpx.Client) -> None:
    assert http.post("/mcp", content=b"{").json()["error"]["code"] == -32700


def test_an_address_leads_a_browser_to_its_page(http: httpx.Client) -> None:
    for at in ("/", "/KuhnPoker/"):
        answer = http.get(at, follow_redirects=True)
        assert answer.url.path == f"{at}play"
        assert "<title>KuhnPoker: play" in answer.text


def test_the_protocol_inside_a_websocket(kuhn: Any) -> None:
    with kuhn.client("KuhnPoker") as client:
        call = rpc("tools/call", name="begin", arguments={"seed": 1})
        assert client.ask({"type": "mcp", "data": call})["data"]["result"]["isError"] is False
        assert client.step("bet")["observation"]["text"]
