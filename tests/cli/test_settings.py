"""A steward.yaml that is wrong: what is said, and that no secret is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECRET = "s3cret-of-the-operator"


@pytest.mark.parametrize(("text", "said"), [
    ("companny: {}\n", 'unknown key "companny". Did you mean "company"?'),
    ("company: {currncy: EUR}\n", 'unknown key "company.currncy". Did you mean "currency"?'),
    ("connections: {crm: {conector: hubspot}}\n", 'unknown key "connections.crm.conector". Did you mean "connector"?'),
    ("connections: {crm: {connector: hubspt}}\n", 'there is no connector "hubspt". Did you mean "hubspot"?'),
    ("- a\n", "holds no settings. Begin with: company:"),
    ("company: {currency: dollars}\n", "a currency has three capital letters"),
    ("connections: {crm: {connector: hubspot, every: often}}\n", "write how often as 30s, 5m, 1h or 1d"),
    ("company: {timezone: Mars/Base}\n", "no time zone has this name"),
    ("web: {tokens: {a: \"${NOT_SET_ANYWHERE}\"}}\n", 'the environment variable "NOT_SET_ANYWHERE", which is not set'),
    (f"web:\n  tokens: {{a: {SECRET}\n", "steward.yaml:3:1: not YAML: expected ',' or '}'"),
    (f"web:\n  tokens:\n    a: {SECRET}\n    a: {SECRET}\n", 'steward.yaml:4:5: not YAML: found duplicate key "a"'),
    (f"web: {{tokens: {{a: {SECRET}: {SECRET}}}}}\n", "not YAML"),
    ("routing: {cta: slack}\n", '"routing.cta": write a list, as [a, b]'),
    (f"web: {{port: {SECRET}}}\n", '"web.port": Input should be a valid integer'),
])
def test_it_is_refused_with_the_place_and_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steward: Callable[..., Any], text: str, said: str,
) -> None:
    """The file holds tokens: what is said of it goes into terminals and logs, and quotes no value."""
    monkeypatch.chdir(tmp_path)
    Path("steward.yaml").write_text(text)

    refused = steward("doctor")

    assert (refused.code, refused.out) == (2, "")
    assert said in refused.err
    assert SECRET not in refused.err


def test_a_folder_is_no_settings_file(tmp_path: Path, steward: Callable[..., Any]) -> None:
    """`--config my-company` is an easy slip."""
    refused = steward("doctor", "--config", tmp_path)

    assert refused.code == 2
    assert "cannot be read" in refused.err
