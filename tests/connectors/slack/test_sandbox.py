"""The sandbox answers as Slack's published OpenAPI and method pages say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from connectors.slack.sandbox import SCOPES, SlackSandbox
from connectors.slack.sandbox_shapes import arguments, make_id
from steward.contracts import Connection
from steward.kit.sandbox import Reply, Request
from steward.model.actions import IdempotencyKey

SPECS = Path(__file__).parents[4] / "shared" / "specs" / "slack"
# What Slack has added to its answers since the OpenAPI was frozen in 2021: docs.slack.dev.
SINCE_2021 = {"metadata", "client_msg_id", "app_id"}
# Two documented errors speak of it, no page lists it; nothing is promised on it.
UNDOCUMENTED = {"client_msg_id"}


def _without_what_came_since(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _without_what_came_since(value) for name, value in node.items() if name not in SINCE_2021}
    return [_without_what_came_since(each) for each in node] if isinstance(node, list) else node


@pytest.fixture(scope="module")
def openapi() -> dict[str, Any]:
    file = SPECS / "slack_web_openapi_v2.json"
    if not file.exists():
        pytest.skip("Slack's OpenAPI is not here")
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def _web(sandbox: SlackSandbox, token: str | None = None) -> WebClient:
    return WebClient(token or sandbox.token, base_url=sandbox.settings()["base_url"], retry_handlers=[])


def _message(sandbox: SlackSandbox, connect: Callable[..., Connection]) -> dict[str, Any]:
    sink = connect().sink
    assert sink
    sink.deliver(sandbox.sample_actions()[0], IdempotencyKey("k"))
    return dict(sandbox.ledger.of("k")[0].detail)


@pytest.mark.parametrize("method", [
    "auth.test", "users.lookupByEmail", "conversations.open", "conversations.list", "chat.postMessage", "chat.update",
])
def test_an_answer_is_of_the_published_shape(
    method: str, openapi: dict[str, Any], sandbox: SlackSandbox, connect: Callable[..., Connection],
) -> None:
    """What works here must work with Slack."""
    posted = _message(sandbox, connect)
    arguments = {
        "users.lookupByEmail": {"email": "ana@sandbox.example"},
        "conversations.open": {"users": make_id("U", "ana")},
        "chat.postMessage": {"channel": "#cs-alerts", "text": "hello"},
        "chat.update": {"channel": posted["channel"], "ts": posted["ts"], "text": "hello again"},
    }.get(method, {})
    answer = _web(sandbox).api_call(method, data=arguments).data
    verbs = openapi["paths"][f"/{method}"]
    schema = next(iter(verbs.values()))["responses"]["200"]["schema"]

    jsonschema.Draft4Validator({**schema, "definitions": openapi["definitions"]}).validate(
        _without_what_came_since(_lenient(answer)))


def _lenient(answer: Any) -> Any:
    """Without the user's and the message's own fields that the frozen schema wants filled with pictures and bots."""
    if "user" in answer and isinstance(answer["user"], dict):
        filled = {"avatar_hash": "", "display_name": "", "display_name_normalized": "", "real_name": "",
                  "real_name_normalized": "", "team": "T0STEWARD", **dict.fromkeys(
                      (f"image_{size}" for size in (24, 32, 48, 72, 192, 512)), "https://a.slack-edge.com/x.png")}
        answer["user"]["profile"] = {**filled, **answer["user"]["profile"]}
    if "text" in answer and isinstance(answer.get("message"), dict):
        answer["message"].pop("blocks", None)       # of chat.update the schema says "object"; Slack's samples have a list
    return answer


def test_what_we_send_is_documented(sandbox: SlackSandbox, connect: Callable[..., Connection]) -> None:
    """An argument that Slack does not know is ignored there, and what it was for does not happen."""
    sent: dict[str, set[str]] = {}

    def note(request: Request, reply: Reply) -> Reply:
        sent.setdefault(request.path.rpartition("/")[2], set()).update(arguments(request))
        return reply

    sandbox.alter = note
    connection = connect(app_token=sandbox.app_token)
    assert connection.sink
    for number, action in enumerate(sandbox.sample_actions()):
        connection.sink.deliver(action, IdempotencyKey(f"k{number}"))
    connection.check()

    assert {"auth.test", "users.lookupByEmail", "conversations.open", "chat.postMessage", "chat.update"} <= set(sent)
    for method, names in sent.items():
        file = SPECS / "method-docs" / f"{method}.json"
        if not file.exists():
            pytest.skip("Slack's method pages are not here")
        documented = set(json.loads(file.read_text())["args"]) | UNDOCUMENTED
        assert names <= documented, f"{method}: {names - documented}"


@pytest.mark.parametrize("method", sorted(SCOPES.keys() - {"apps.connections.open"}))   # its page lists no scope
def test_a_method_asks_for_the_scope_that_slack_documents(method: str) -> None:
    """An app that works with the sandbox must not lack a right in Slack."""
    file = SPECS / "method-docs" / f"{method}.json"
    if not file.exists():
        pytest.skip("Slack's method pages are not here")
    kinds = json.loads(file.read_text())["scopes"]
    documented = {scope["name"] for scope in kinds.get("bot", ())}

    assert not SCOPES[method] or SCOPES[method] in documented


@pytest.mark.parametrize(("arguments", "error"), [
    ({"channel": "#nowhere", "text": "x"}, "channel_not_found"),
    ({"channel": "#cs-alerts"}, "no_text"),
    ({"channel": "#cs-alerts", "text": "x" * 40_001}, "msg_too_long"),
    ({"channel": "#cs-alerts", "text": "x", "blocks": [{"type": "header", "text": {"type": "plain_text",
                                                                                  "text": "x" * 151}}]}, "invalid_blocks"),
    ({"channel": "#cs-alerts", "text": "x", "blocks": [
        {"type": "section", "text": {"type": "plain_text", "text": "x" * 3000}}] * 5}, "msg_blocks_too_long"),
])
def test_what_slack_refuses_is_refused(sandbox: SlackSandbox, arguments: dict[str, Any], error: str) -> None:
    """A card that the sandbox takes must not be refused in production."""
    with pytest.raises(SlackApiError) as refused:
        _web(sandbox).api_call("chat.postMessage", json=arguments)

    assert refused.value.response["error"] == error
    assert not len(sandbox.ledger)


def test_a_wrong_token_is_refused(sandbox: SlackSandbox) -> None:
    """A sandbox that takes any token would hide a broken setting."""
    with pytest.raises(SlackApiError, match="invalid_auth"):
        _web(sandbox, "xoxb-wrong").auth_test()


def test_lists_come_in_pages(sandbox: SlackSandbox) -> None:
    """A workspace has more people than one page holds."""
    seen = [member["id"] for page in _web(sandbox).users_list(limit=2) for member in page["members"]]

    assert len(seen) == len(set(seen)) == 4
    assert make_id("U", "ana") in seen


def test_history_shows_what_stands_newest_first(sandbox: SlackSandbox, connect: Callable[..., Connection]) -> None:
    """A person can tell from the metadata which action a message was."""
    posted = _message(sandbox, connect)
    [message] = _web(sandbox).conversations_history(channel=posted["channel"], include_all_metadata=True)["messages"]

    assert message["metadata"]["event_payload"]["key"] == "k"
