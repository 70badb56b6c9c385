"""A battery that never fails proves nothing: each promise is broken once, and the rule for it must say so."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import connectors
from steward.kit import battery
from steward.kit.discovery import load
from steward.kit.scaffold import new_connector


@pytest.fixture
def broken(tmp_path: Path) -> Iterator[Path]:
    """A new connector to be broken before it is imported."""
    new_connector(tmp_path, "broken", "Broken")
    connectors.__path__.append(str(tmp_path))
    yield tmp_path / "broken"
    connectors.__path__.remove(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("connectors.broken")]:
        del sys.modules[name]


@pytest.mark.parametrize(("rule", "file", "right", "wrong", "said"), [
    ("a_pull_resumes_after_any_page", "source.py", "json.dumps([self.at.", "json.dumps([(self.at + OVERLAP * 13).", "are lost"),
    ("a_pull_resumes_after_any_page", "source.py", "json.dumps([self.at.", "json.dumps([_FIRST.", "does not end"),
    ("a_pull_ends_with_a_watermark", "source.py", "watermark=None if more else began", "watermark=None", "no watermark"),
    ("a_second_pull_brings_less", "source.py", "if after is None:", "if after != 1:", "the cursor saves nothing"),
    ("seed_fills_every_stream_over_pages", "sandbox.py", "rows[:self.page_size]", "rows", "two pages"),
    ("unknown_fields_are_ignored", "source.py", "    values: dict[str, Value] = {}", "    values: dict[str, Value] = {'custom.x': len(row)}", "became"),
    ("absent_fields_are_missing", "source.py", "if isinstance(row.get(theirs), str) and row[theirs]:", "if True:", "KeyError|must be text|empty"),
    ("absent_fields_are_missing", "source.py", "(KeyError, ValueError, TypeError, ArithmeticError)", "ZeroDivisionError", "raised"),
    ("a_read_that_meets_cut", "source.py", "        params = {", "        self.client._lost = lambda t, w: ValueError(t)\n        params = {", "raised ValueError"),
    ("a_read_that_meets_401", "sandbox.py", "    def allow(", "    def take_fault(self, request):\n        return None\n\n    def allow(", "no error was raised"),
    ("the_same_key_twice_is_one_effect", "sandbox.py", "if key not in self.tasks:", "if True:", "effects twice|something else"),
    ("what_was_made_is_found", "sink.py", 'if body["tasks"] else None', 'if False else None', "not found"),
    ("a_write_that_meets_cut", "sink.py", "        answer = self.client.put(", "        self.client._lost = lambda t, w: RecordRejected(t)\n        answer = self.client.put(", "expected OutcomeUnknown"),
    ("a_write_that_meets_422", "sandbox.py", "    def allow(", "    def error(self, status, retry_after=None):\n        return Reply(200, {'id': 'x'})\n\n    def allow(", "no error"),
    ("connect_gives_every_part_and_calls_nobody", "__init__.py", "    return Connection(", "    client.get('/accounts', 'look')\n    return Connection(", "made calls"),
    ("settings_refuse_unknown_keys_and_type_secrets", "settings.py", "token: SecretStr", "token: str", "SecretStr"),
    ("a_read_that_meets_403", "__init__.py", "    return Connection(", "    import logging\n    logging.getLogger('x').debug('with %s', token)\n    return Connection(", "a secret was told"),
    ("manifest_is_sane", "__init__.py", '"accounts": Stream(Noun.ACCOUNT, "Customer companies")', '"accounts": Stream(None, "")', "neither a noun"),
    ("readme_has_the_headings", "README.md", "## Limits", "## Limit", "expected"),
    ("listing_imports_no_vendor_library", "__init__.py", "from pathlib import Path", "from pathlib import Path\n\nimport httpx", "httpx"),
    ("waivers_name_rules_and_reasons", "__init__.py", "    folder=", "    waivers={'a_write_that_meets_cut': 'no'}, folder=", "no reason"),
    ("many_at_once_are_one_effect_each", "sink.py", "    def find(", "    batches = {'open_cta': 5}\n\n    def deliver_many(self, actions):\n        return [self.deliver(*actions[0])] * len(actions)\n\n    def find(", "no effect in the ledger"),
    ("batches_are_of_declared_actions", "sink.py", "    def find(", "    batches = {'message': 5}\n\n    def deliver_many(self, actions):\n        return []\n\n    def find(", "the manifest does not"),
    ("a_batch_that_meets_cut", "sink.py", "    def find(", "    batches = {'open_cta': 5}\n\n    def deliver_many(self, actions):\n        try:\n            return [self.deliver(*each) for each in actions]\n        except Exception:\n            raise RecordRejected('no') from None\n\n    def find(", "expected OutcomeUnknown"),
    ("check_finds_all_well_then_says_what_is_not", "check.py", "ok=False", "ok=True", "did not notice"),
])
def test_a_broken_promise_is_noticed(broken: Path, rule: str, file: str, right: str, wrong: str, said: str) -> None:
    """Whoever relies on green must be able to."""
    text = (broken / file).read_text()
    assert right in text
    (broken / file).write_text(text.replace(right, wrong))
    connector = load(connectors, "broken")

    with pytest.raises(AssertionError, match=said):
        battery.run(connector, rule)


def test_only_loopback_can_be_called(broken: Path) -> None:
    """A test must not reach a real customer's system by mistake."""
    text = (broken / "__init__.py").read_text()
    (broken / "__init__.py").write_text(text.replace("    client = Client(", (
        "    import socket\n    with socket.socket() as line:\n        line.connect(('192.0.2.1', 80))\n    client = Client("
    )))

    with pytest.raises(AssertionError, match=r'called "192\.0\.2\.1"'):
        battery.run(load(connectors, "broken"), "connect_gives_every_part_and_calls_nobody")
