"""Rules about what a connector says of itself: manifest, README, settings, `check`, and what listing it costs."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import SecretStr

from steward.contracts import Connector
from steward.kit.battery.bench import Bench, Rule, _secrets
from steward.kit.sandbox import Fault, Sandbox
from steward.model.actions import Action

HEADINGS = ("Access", "Streams", "Actions", "Limits", "Sandbox", "Troubleshooting")
_KINDS = {kind for action in get_args(get_args(Action)[0]) for kind in get_args(action.model_fields["kind"].annotation)}
_HEAVY = ("polars", "httpx", "requests", "simple_salesforce", "hubspot", "slack_sdk", "python_calamine", "http.server",
          "pantab", "tableauserverclient", "xlsxwriter")
_SECRET_NAMES = re.compile(r"(token|secret|password|private_key|api_key)$")


def waiver(connector: Connector, rule: str) -> str | None:
    """The reason why `connector` is exempt from `rule`; None where it is not."""
    for pattern, reason in connector.waivers.items():
        if fnmatch.fnmatch(rule, pattern):
            return reason
    return None


def _manifest_is_sane(bench: Bench) -> None:
    connector = bench.connector
    assert re.fullmatch(r"[a-z][a-z0-9_]*", connector.name), f'"{connector.name}": lower-case letters, digits, "_"'
    assert connector.folder, "the folder is not known; find connectors with steward.kit.discovery"
    assert connector.folder.name == connector.name, "the folder and the manifest give different names"
    assert connector.title.strip(), "the manifest has no title"
    assert connector.streams or connector.actions or connector.inbox, "the connector can do nothing"
    for name, stream in connector.streams.items():
        assert stream.usage or stream.noun, f'stream "{name}" has neither a noun nor usage=True'
        assert stream.meaning.strip(), f'stream "{name}" does not say what it means'
    unknown = set(connector.actions) - _KINDS
    assert not unknown, f"actions that steward.model.actions does not know: {sorted(unknown)}"
    assert issubclass(connector.load_sandbox(), Sandbox), "load_sandbox() gives no Sandbox"


def _waivers_name_rules_and_reasons(bench: Bench) -> None:
    from steward.kit.battery import RULES

    for pattern, reason in bench.connector.waivers.items():
        assert fnmatch.filter(RULES, pattern), f'the waiver "{pattern}" names no rule'
        assert len(reason.split()) >= 3, f'the waiver "{pattern}" gives no reason'


def _readme_has_the_headings(bench: Bench) -> None:
    assert bench.connector.folder
    readme = bench.connector.folder / "README.md"
    assert readme.exists(), f"{readme} is missing"
    found = tuple(re.findall(r"^## (.+?)\s*$", readme.read_text(encoding="utf-8"), re.MULTILINE))
    assert found == HEADINGS, f"{readme} has the headings {found}; expected {HEADINGS}, in this order"


def _connect_gives_every_part_and_calls_nobody(bench: Bench) -> None:
    connector, connection = bench.connector, bench.connect()
    assert bool(connector.streams) == (connection.source is not None), "streams and source do not agree"
    assert bool(connector.actions) == (connection.sink is not None), "actions and sink do not agree"
    assert connector.inbox == (connection.inbox is not None), "inbox: the manifest and connect() do not agree"
    assert not bench.sandbox.calls, f"connect() made calls: {bench.sandbox.calls}"


def _settings_refuse_unknown_keys_and_type_secrets(bench: Bench) -> None:
    model = bench.connector.load_settings()
    assert model.model_config.get("extra") == "forbid", "a misspelt setting would pass: set extra='forbid'"
    for name, info in model.model_fields.items():
        if _SECRET_NAMES.search(name):
            assert "SecretStr" in str(info.annotation), f'the setting "{name}" must be a SecretStr'
    for secret in _secrets(bench.settings()):
        assert len(secret) >= 12, "a secret of the sandbox is too short to be told apart in a log; 12 letters or more"
    for value in _plain(bench.settings().model_dump()):
        for secret in _secrets(bench.settings()):
            assert secret not in value, "a setting that is not a SecretStr holds a secret"


def _check_finds_all_well_then_says_what_is_not(bench: Bench) -> None:
    findings = bench.connect().check()
    assert findings, "check() looks at nothing"
    assert all(finding.ok for finding in findings), f"check() on a sound sandbox: {findings}"
    assert not len(bench.sandbox.ledger), "check() changed something"
    if not bench.sandbox.calls:
        return                              # no HTTP: nothing to break on the way
    for kind, status in (("status", 401), ("status", 403), ("status", 500), ("cut", 0), ("html", 200)):
        bench.fail(Fault(kind, status=status))
        findings = bench.connect().check()
        bench.tell(repr(findings))
        bad = [finding for finding in findings if not finding.ok]
        assert bad, f"check() did not notice {kind} {status}"
        assert all(finding.remedy for finding in bad), f"check() gives no remedy for {kind} {status}: {bad}"


def _listing_imports_no_vendor_library(bench: Bench) -> None:
    module = type(bench.sandbox).__module__.split(".")[:2]
    paths = sys.modules[module[0]].__path__
    code = (
        f"import sys, {module[0]}; {module[0]}.__path__ = {list(paths)!r}\n"
        f"import {'.'.join(module)}\nprint([name for name in {_HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  our own interpreter and text
    assert done.stdout.strip() == "[]", f"importing the manifest imports {done.stdout.strip()} {done.stderr[-400:]}"


def _plain(node: Any) -> list[str]:
    if isinstance(node, Mapping):
        return [text for value in node.values() for text in _plain(value)]
    if isinstance(node, list | tuple):
        return [text for value in node for text in _plain(value)]
    return [] if isinstance(node, SecretStr) else [str(node)]


RULES = (
    Rule("manifest_is_sane", _manifest_is_sane),
    Rule("waivers_name_rules_and_reasons", _waivers_name_rules_and_reasons),
    Rule("readme_has_the_headings", _readme_has_the_headings),
    Rule("connect_gives_every_part_and_calls_nobody", _connect_gives_every_part_and_calls_nobody),
    Rule("settings_refuse_unknown_keys_and_type_secrets", _settings_refuse_unknown_keys_and_type_secrets),
    Rule("check_finds_all_well_then_says_what_is_not", _check_finds_all_well_then_says_what_is_not),
    Rule("listing_imports_no_vendor_library", _listing_imports_no_vendor_library),
)
