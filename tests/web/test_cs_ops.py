"""The CS-ops API answers from real facts."""

from __future__ import annotations

from typing import Any

import pytest

from steward import views

METHODS = {"health": "GET", "retention": "POST", "expansion": "GET", "onboarding": "POST", "success": "GET"}


def _ask(served: Any, topic: str, customer_id: str, **more: Any) -> Any:
    return served.client.request(METHODS[topic], f"/api/v1/cs-ops/{topic}/{customer_id}", headers=served.key, **more)


def _scored(served: Any) -> str:
    return next(each.id for each in views.accounts(served.hub.db) if each.health is not None)


@pytest.mark.parametrize("topic", METHODS)
def test_every_topic_answers_with_facts_and_where_the_customer_stands(served: Any, topic: str) -> None:
    """An account team asks one question and gets the facts, the reasons and what is under way."""
    answer = _ask(served, topic, _scored(served))

    body = answer.json()
    assert answer.status_code == 200, body
    assert body["topic"] == topic
    assert body["facts"]
    assert body["playbooks"]
    assert all(each["conditions"] or each["trigger"] for each in body["playbooks"])


def test_the_parts_of_the_health_score_add_up_to_it(served: Any) -> None:
    """A number that cannot be taken apart is not believed."""
    body = _ask(served, "health", _scored(served)).json()

    assert body["score"] == pytest.approx(sum(part["points"] or 0 for part in body["parts"]))


def test_what_is_not_known_is_null_and_says_why(served: Any) -> None:
    """Null is never zero: a dashboard must be able to tell them apart."""
    unknown = [
        fact for account in views.accounts(served.hub.db)[:3]
        for fact in _ask(served, "success", account.id).json()["facts"].values() if fact["value"] is None
    ]

    assert unknown
    assert all(fact["unknown_because"] for fact in unknown)


def test_an_account_is_found_by_the_id_its_crm_gave_it(served: Any) -> None:
    """The caller sits in Salesforce and has Salesforce's id."""
    account_id = _scored(served)
    view = views.account(served.hub.db, served.hub.catalog, served.hub.scorecard, account_id, served.hub.clock())
    external_id = next(iter(view.external_ids.values()))

    assert _ask(served, "health", external_id).json()["account_id"] == account_id


def test_a_look_alone_performs_nothing(served: Any) -> None:
    """POST asks for a fresh look; only `perform` lets playbooks act."""
    before = views.summary(served.hub.db)

    answer = _ask(served, "retention", _scored(served))

    after = views.summary(served.hub.db)
    assert answer.status_code == 200
    assert (after.actions, after.enrollments) == (before.actions, before.enrollments)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic eDp5"},
                                     {"Authorization": "Bearer "}])
def test_without_a_known_token_nobody_gets_in(served: Any, headers: dict[str, str]) -> None:
    """Customer data is behind this door."""
    for topic, method in METHODS.items():
        answer = served.client.request(method, f"/api/v1/cs-ops/{topic}/x", headers=headers)

        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"


def test_an_unknown_customer_is_404_and_a_misfit_body_422(served: Any) -> None:
    """The caller's program must be able to tell these apart."""
    missing = _ask(served, "health", "nobody")
    misfit = _ask(served, "retention", _scored(served), json={"performm": True})

    assert missing.status_code == 404
    assert '"nobody"' in missing.json()["detail"]
    assert misfit.status_code == 422
    assert misfit.json()["errors"][0]["field"] == "body.performm"


def test_the_document_of_the_api_is_complete_and_needs_no_cdn(served: Any) -> None:
    """Behind a firewall the documentation must still open."""
    paths = served.client.get("/openapi.json").json()["paths"]
    page = served.client.get("/docs").text

    for topic, method in METHODS.items():
        operation = paths[f"/api/v1/cs-ops/{topic}/{{customer_id}}"][method.lower()]
        assert {"200", "401", "404", "422"} <= set(operation["responses"])
        assert operation["security"]
    assert "cdn" not in page.lower()


def test_every_answer_forbids_being_framed_sniffed_or_kept(served: Any) -> None:
    """What a browser may do with customer data is said on every answer."""
    for path in ("/healthz", "/readyz", "/api/v1/cs-ops/health/x", "/nowhere"):
        headers = served.client.get(path).headers

        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"


def test_a_body_too_large_is_refused_even_without_a_token(served: Any) -> None:
    """Whoever finds the address must not be able to fill our memory; the body is read before the token is looked at."""
    sent = 0

    def endless() -> Any:
        nonlocal sent
        for _ in range(64):
            sent += 1 << 16
            yield b" " * (1 << 16)

    answer = served.client.post("/api/v1/cs-ops/retention/anybody", content=endless())

    assert answer.status_code == 413
