"""Signing in, dying tokens, deadlines, sizes and words: what simple-salesforce leaves to its user."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import Connection, Page, Source, Tools
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.errors import AccessDenied, ConfigError, RateLimited, Unavailable

Pull = Callable[..., list[Page]]


def test_jwt_signs_in(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Orgs that forbid secrets use a certificate."""
    sandbox.seed(2)
    source = connect(sandbox.jwt_settings()).source
    assert source

    assert list(source.pull("accounts", None))[-1].records


def test_a_jwt_for_another_user_is_refused_in_words(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """The operator must learn that the app has to be pre-authorised."""
    settings = sandbox.jwt_settings()
    settings["auth"] = {**settings["auth"], "username": "someone@else.example"}
    source = connect(settings).source
    assert source

    with pytest.raises(AccessDenied, match=r"sign-in was refused .invalid_grant: user hasn't approved this consumer"):
        list(source.pull("accounts", None))


@pytest.mark.parametrize("key", ["no key at all", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
def test_a_private_key_that_is_none_is_named(sandbox: SalesforceSandbox, connect: Callable[..., Connection], key: str) -> None:
    """A pasted key loses its line ends easily; the message names the setting and not the key."""
    settings = sandbox.jwt_settings()
    settings["auth"] = {**settings["auth"], "private_key": key}
    source = connect(settings).source
    assert source

    with pytest.raises(AccessDenied, match='"private_key" is not a private RSA key in PEM') as caught:
        list(source.pull("accounts", None))

    assert "AAAA" not in str(caught.value)


def test_a_wrong_secret_is_refused_in_words(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """The first thing that goes wrong at every set-up."""
    settings = sandbox.settings()
    settings["auth"] = {**settings["auth"], "client_secret": "a-wrong-secret-0123456789"}
    source = connect(settings).source
    assert source

    with pytest.raises(AccessDenied, match="Check client_id and its secret or key") as caught:
        list(source.pull("accounts", None))

    assert "a-wrong-secret" not in str(caught.value)


def test_a_session_that_stays_dead_ends_after_two_renewals(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """simple-salesforce would send 1,942 requests and die of recursion (its issue #804)."""
    sandbox.seed(2)
    sandbox.faults = [Fault("status", on="/data/", times=99, status=401)]

    with pytest.raises(AccessDenied, match="401"):
        pull("accounts")

    assert len(sandbox.calls) == 6, "token, call, and twice again"


def test_headers_survive_a_renewed_token(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """simple-salesforce drops the caller's headers on the call it repeats: pages would change size midway."""
    sandbox.seed(3)
    seen: list[str | None] = []

    def hear(request: Any, reply: Reply) -> Reply:
        if "/query" in request.path:
            seen.append(request.headers.get("sforce-query-options"))
            if len(seen) == 1:
                return sandbox.error(401)
        return reply

    sandbox.alter = hear
    pull("accounts")

    assert seen == ["batchSize=2000", "batchSize=2000"]


def test_an_html_page_as_401_is_still_words(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """A proxy in between speaks HTML; simple-salesforce would end in a JSONDecodeError."""
    sandbox.faults = [Fault("html", on="/data/", times=99, status=401)]

    with pytest.raises(AccessDenied, match="401"):
        pull("accounts")


def test_a_used_up_quota_is_rate_limited(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """403 usually means no permission; this one only means later."""
    sandbox.seed(2)
    sandbox.quota = 0

    with pytest.raises(RateLimited, match="REQUEST_LIMIT_EXCEEDED"):
        pull("accounts")


def test_a_locked_row_is_tried_again(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """400 usually means never; this one only means later."""
    sandbox.seed(2)
    lock = Reply(400, [{"message": "unable to obtain exclusive access", "errorCode": "UNABLE_TO_LOCK_ROW"}])
    answers = [lock, lock]
    sandbox.alter = lambda request, reply: answers.pop() if "/query" in request.path and answers else reply

    assert pull("accounts")[-1].records


def test_a_retired_api_version_is_said(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """Salesforce retires versions; the message must lead to the setting."""
    with pytest.raises(Exception, match=r"410.*UNSUPPORTED_API_VERSION"):
        pull("accounts", version="v20.0")


def test_a_body_without_end_is_refused(sandbox: SalesforceSandbox, pull: Pull, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer must not take the memory of the machine."""
    from connectors.salesforce import session

    monkeypatch.setattr(session, "MOST_BODY_BYTES", 100_000)
    sandbox.alter = lambda request, reply: replace(reply, body={"records": ["x" * 1000] * 1000}) if "/query" in request.path else reply

    with pytest.raises(Unavailable):
        pull("accounts")


def test_a_dripping_answer_ends_at_the_deadline(sandbox: SalesforceSandbox) -> None:
    """Timeouts of requests count from byte to byte; ours counts the whole call."""
    sandbox.seed(2)
    settings = CONNECTOR.load_settings().model_validate(sandbox.settings())
    waits: list[float] = []
    source = CONNECTOR.connect(settings, Tools(now=sandbox.now, sleep=waits.append, deadline_s=0.5)).source
    assert source
    sandbox.faults = [Fault("drip", on="/describe", times=9)]
    started = time.monotonic()

    with pytest.raises(Unavailable, match="no whole answer before the deadline"):
        list(source.pull("accounts", None))

    assert time.monotonic() - started < 8
    assert len(waits) == 2, "a read is tried three times"


def test_redirects_are_not_followed(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """The token must not travel to another host."""
    sandbox.alter = lambda request, reply: Reply(302, None, {"Location": "http://203.0.113.1/"}) if "/data/" in request.path else reply

    with pytest.raises(Exception, match="302"):
        pull("accounts")


def test_a_next_page_elsewhere_is_not_followed(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """`nextRecordsUrl` is a path of the API, never another host."""
    sandbox.page_size = 1
    sandbox.seed(3)
    sandbox.alter = lambda request, reply: (
        replace(reply, body={**reply.body, "nextRecordsUrl": "@203.0.113.1/x"}) if "/query" in request.path else reply
    )

    with pytest.raises(Unavailable, match="no path of the API"):
        pull("accounts")


# ---- settings ----

@pytest.mark.parametrize("url", [
    "http://acme.my.salesforce.com", "https://salesforce.com.evil.example", "https://169.254.169.254", "https://127.0.0.1",
    "https://u:p@acme.my.salesforce.com", "https://acme.my.salesforce.com/x", "https://acme.my.salesforce.com:8443", "ftp://127.0.0.1",
    "http://10.0.0.1", "https://login.salesforce.com", "acme.my.salesforce.com",
])
def test_only_salesforce_or_loopback_can_be_called(url: str) -> None:
    """A setting must not turn Steward into a probe of the inner network."""
    with pytest.raises(ValueError, match="write the My Domain URL"):
        SalesforceSettings.model_validate({"instance_url": url, "auth": {"client_id": "x", "client_secret": "y"}})


@pytest.mark.parametrize("auth", [
    {"client_id": "x"}, {"client_id": "x", "client_secret": "s", "username": "u", "private_key": "k"},
    {"client_id": "x", "private_key": "k"},
])
def test_one_way_of_signing_in_must_be_whole(auth: dict[str, str]) -> None:
    """Half a credential fails when it is read, not at night."""
    with pytest.raises(ValueError, match=r"client_secret|username"):
        SalesforceSettings.model_validate({"instance_url": "https://a.my.salesforce.com", "auth": auth})


@pytest.mark.parametrize(("setting", "value"), [
    ("custom_fields", {"Account": {"x": "Name FROM User --"}}), ("id_fields", {"usage": "A,B"}), ("task_key_field", "Key'"),
    ("tables", {"milestones": "User WHERE"}), ("fields", {"Account": {"arr": ["ARR__c", "1 OR 1"]}}),
])
def test_names_that_are_none_cannot_reach_a_query(setting: str, value: Any) -> None:
    """Names stand in SOQL as they are."""
    with pytest.raises(ValueError, match="no API name"):
        SalesforceSettings.model_validate({"instance_url": "https://a.my.salesforce.com", setting: value,
                                           "auth": {"client_id": "x", "client_secret": "y"}})


def test_a_misspelt_field_of_ours_is_caught_at_connect(connect: Callable[..., Connection]) -> None:
    """A mapping of "segement" would otherwise be Missing for ever."""
    with pytest.raises(ConfigError, match=r'names "segement".*Did you mean "segment"'):
        connect(fields={"Account": {"segement": "Tier__c"}})
    with pytest.raises(ConfigError, match=r'names "Acount".*Did you mean "Account"'):
        connect(custom_fields={"Acount": {"tier": "Tier__c"}})


@pytest.mark.parametrize(("url", "domain"), [
    ("https://acme.my.salesforce.com", "acme.my"), ("https://acme--dev.sandbox.my.salesforce.com/", "acme--dev.sandbox.my"),
])
def test_the_login_host_is_the_orgs_own(url: str, domain: str) -> None:
    """Client credentials are given out by My Domain only."""
    assert SalesforceSettings.model_validate({"instance_url": url, "auth": {"client_id": "x", "client_secret": "y"}}).login_domain == domain


# ---- check ----

def test_check_names_what_is_missing(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Set-up is done when this list is green; each red line says what to do."""
    sandbox.seed(1)
    sandbox.hide("Case", "Account.ARR__c")
    sandbox.change_field("Task", "Steward_Key__c", external_id=True, unique=False)

    findings = connect(custom_fields={"Account": {"tier": "Tier__c"}}).check()

    bad = {finding.what.partition(" (")[0]: finding.remedy for finding in findings if not finding.ok}
    assert set(bad) == {"read Case", "read Account", "Task.Steward_Key__c is External ID and Unique"}
    assert "Create Tier__c on Account" in bad["read Account"]
    assert "class B" in bad["Task.Steward_Key__c is External ID and Unique"]
    assert any("left out: ARR__c" in finding.what or "ARR__c" in finding.what for finding in findings)


def test_check_says_when_calls_run_out(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Syncs that stop at noon have this reason."""
    sandbox.quota = 20
    for _ in range(20):
        sandbox.allow(replace(_request(sandbox), headers={"authorization": f"Bearer {_token(sandbox)}"}))
    sandbox.quota = 21

    findings = connect().check()

    assert next(finding.what for finding in findings if not finding.ok) == "calls left today: 0 of 21, 2 kept for people (reserve_calls)"


def _request(sandbox: SalesforceSandbox) -> Any:
    from steward.kit.sandbox import Request

    return Request("GET", "/services/data/v67.0/limits", {}, {}, b"")


def _token(sandbox: SalesforceSandbox) -> str:
    form = {"grant_type": "client_credentials", "client_id": sandbox.tokens.client_id, "client_secret": sandbox.tokens.client_secret}
    return str(sandbox.tokens.give(form, "", sandbox.url)["access_token"])


def _pull_on(source: Source) -> None:
    for _ in range(100):
        list(source.pull("accounts", None))


def test_calls_are_kept_in_reserve_for_people(sandbox: SalesforceSandbox, pull: Pull, connect: Callable[..., Connection]) -> None:
    """When the day's calls are gone, nobody in the company can work: Steward stops before that, and says so."""
    sandbox.seed(2)
    sandbox.quota = 100
    source = connect(reserve_calls=0.2).source
    assert source

    with pytest.raises(RateLimited, match="20 are kept for people") as stopped:
        _pull_on(source)

    assert stopped.value.retry_after_s == 300
    assert len([path for _, _, path, _ in sandbox.calls if "/services/data/" in path]) == 80
    assert sandbox.breaches == []
    findings = connect(reserve_calls=0.2).check()
    told = next(finding for finding in findings if "calls left today" in finding.what)
    assert not told.ok
    assert "20 kept for people" in told.what


def test_after_five_minutes_one_call_asks_whether_there_are_more(
    sandbox: SalesforceSandbox, connect: Callable[..., Connection], clock: Any,
) -> None:
    """The count runs over 24 hours: what was gone at noon is there again in the evening, without a restart."""
    sandbox.seed(2)
    sandbox.quota = 40
    source = connect(reserve_calls=0.5).source
    assert source
    with pytest.raises(RateLimited, match="kept for people"):
        _pull_on(source)
    sandbox.quota = 1_000
    with pytest.raises(RateLimited, match="kept for people"):
        list(source.pull("accounts", None))

    clock.move(minutes=6)

    assert list(source.pull("accounts", None))


def test_a_day_whose_quota_people_used_up_ends(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """It is nobody's fault, and over tomorrow."""
    sandbox.seed(2)
    sandbox.exhaust_quota(3)

    with pytest.raises(RateLimited, match="REQUEST_LIMIT_EXCEEDED"):
        pull("accounts", reserve_calls=0)
    sandbox.exhaust_quota(0)

    assert pull("accounts")


def test_an_org_that_moved_is_followed(sandbox: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Salesforce moves orgs between instances at night: the token dies, and the new one names another host."""
    sandbox.seed(10)
    sandbox.page_size = 3
    source = connect().source
    assert source
    pages = source.pull("accounts", None)
    first = next(pages)

    moved_to = sandbox.migrate()
    rest = list(pages)

    assert sum(len(page.records) for page in [first, *rest]) == 10
    assert moved_to != sandbox.url
    assert connect().sink is not None


def test_a_sign_in_cannot_send_us_elsewhere(sandbox: SalesforceSandbox, pull: Pull) -> None:
    """A token must not travel to a host that is not Salesforce's, whoever answered the sign-in."""
    def elsewhere(request: Request, reply: Reply) -> Reply:
        if not request.path.endswith("/oauth2/token"):
            return reply
        return replace(reply, body={**reply.body, "instance_url": "https://evil.example.com"})

    sandbox.seed(1)
    sandbox.alter = elsewhere

    with pytest.raises(AccessDenied, match=r"evil\.example\.com"):
        pull("accounts")
