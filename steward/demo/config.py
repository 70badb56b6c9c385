"""The `steward.yaml` of the demo company: what an operator would write, pointing at the sandboxes."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from steward.demo.company import VP_EMAIL
from steward.demo.company.hubspot import RATES

_EVERY = {"salesforce": "5m", "hubspot": "5m", "usage": "15m", "slack": "15m"}
_CRMS = ["salesforce", "hubspot"]
# Salesforce is the company's master of who owns an account and what it pays; HubSpot of what marketing writes.
_TRUTH = {
    "account.name": _CRMS, "account.domain": _CRMS, "account.arr": _CRMS, "account.csm_external_id": _CRMS,
    "account.lifecycle": _CRMS, "account.segment": _CRMS, "account.industry": _CRMS[::-1],
    "account.employees": _CRMS[::-1], "contact": _CRMS,
}
_SUPPORT_DESK = {"workdays": ["mon", "tue", "wed", "thu", "fri", "sat"], "hours": "07:00-22:00"}
_HEAD = """# The demo company. `steward doctor --config FILE` says whether everything here can be reached.
# The file is written anew at each start of the demo: the sandboxes listen on other ports then.
"""


def config_text(settings: Mapping[str, Mapping[str, Any]], *, playbooks: Path, database_url: str = "") -> str:
    """The text of `steward.yaml` for the sandboxes with `settings`, by the name of their vendor.

    `database_url` is PostgreSQL, or "" for SQLite beside the file. The API token in it is new each time.
    """
    from ruamel.yaml import YAML

    named = [name for name in _EVERY if name in settings]
    document = {
        "company": {
            "name": "Steward Demo", "currency": "USD", "timezone": "Europe/London", "roles": {"vp_cs": VP_EMAIL},
            "rates": {currency: rate for currency, rate in RATES.items() if currency != "USD"},
            "calendar": {"holidays": {"country": "GB"}}, "calendars": {"support_desk": _SUPPORT_DESK},
        },
        "store": {"url": database_url, "data_dir": "data"},
        "connections": {
            name: {"connector": name, "every": _EVERY[name], "settings": dict(settings[name])} for name in named
        },
        "truth": {field: list(order) for field, order in _TRUTH.items()} if set(_CRMS) <= set(named) else {},
        "routing": {
            "message": "slack" if "slack" in named else "", "cta": [name for name in _CRMS if name in named],
            "channel": "cs-alerts",
        },
        "playbooks": str(playbooks),
        "web": {"tokens": {"demo": f"stw_{secrets.token_hex(20)}"}},
    }
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 1_000
    held = StringIO()
    yaml.dump(document, held)
    return _HEAD + held.getvalue()
