"""Data sources kept up to date through tableauserverclient, which nobody here wrote, on real .hyper files."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("pantab")
TSC = pytest.importorskip("tableauserverclient")

from connectors.tableau import CONNECTOR, hyper  # noqa: E402  after the skip
from connectors.tableau.sandbox import SECRET, TableauSandbox  # noqa: E402
from connectors.tableau.settings import TableauSettings  # noqa: E402
from steward.contracts import Tools  # noqa: E402
from steward.kit.discovery import missing  # noqa: E402
from steward.kit.sandbox import Fault, Weather  # noqa: E402
from steward.model.actions import ExtendTable, IdempotencyKey, PublishTable  # noqa: E402
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError  # noqa: E402
from steward.reporting import STAR  # noqa: E402
from steward.store.reporting import TYPES  # noqa: E402

_ABOVE = [Path(__file__).resolve().parents[at] / "shared/specs/tableau" for at in (4, 5)]
RECORDED = next((path for path in _ABOVE if path.exists()), None)
NOW = datetime(2026, 3, 31, 8, tzinfo=UTC)
KEY = IdempotencyKey("publish/tableau/fact_account_day/v1/2026-03-31T00:00:00")
NAME = "Steward fact_account_day"


@pytest.fixture
def sandbox() -> Iterator[TableauSandbox]:
    with TableauSandbox(now=lambda: NOW) as started:
        assert isinstance(started, TableauSandbox)
        started.careful = True
        yield started


@pytest.fixture
def sink(sandbox: TableauSandbox) -> Callable[..., Any]:
    """A new connection's sink, as after a restart."""
    slept: list[float] = []

    def make(**settings: Any) -> Any:
        chosen = TableauSettings(**{**sandbox.settings(), **settings})
        made = CONNECTOR.connect(chosen, Tools(now=lambda: NOW, sleep=slept.append, deadline_s=20.0))
        return made.sink if not settings.get("check") else made

    return make


@pytest.fixture
def days(tmp_path: Path) -> Callable[..., Any]:
    """`days({date: arr}, since=…)`: the action that publishes these days of account "a"; extends where `since` is given."""
    def make(arr: dict[date, str | None], since: date | None = None, noise: int = 0) -> PublishTable | ExtendTable:
        chance = random.Random(7)
        schema = {column.name: TYPES[column.type] for column in STAR["fact_account_day"].columns}
        rows = [{**dict.fromkeys(schema), "account_id": "a", "day": day, "currency": "EUR", "known_at": NOW,
                 "arr": Decimal(value) if value else None,
                 "csm_email": "".join(chance.choices("abcdefghijklmnop", k=noise))} for day, value in arr.items()]
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.parquet"
        pl.DataFrame(rows, schema=schema).write_parquet(path)
        whole = PublishTable(table="fact_account_day", schema_version=STAR.version, as_of=NOW, file=str(path), rows=len(rows),
                             sha256=sha256(path.read_bytes()).hexdigest())
        return whole if since is None else ExtendTable(since=since, **whole.model_dump(exclude={"kind"}))

    return make


def march(day: int) -> date:
    return date(2026, 3, day)


def test_it_is_made_filled_and_extended_to_the_day(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """A dashboard shows each day once: those before stay, the last ones are what they are now."""
    first = sink().deliver(days({march(day): "10.00" for day in range(1, 6)}), KEY)
    sink().deliver(days({march(5): "12.34", march(6): "-0.01"}, since=march(4)), IdempotencyKey(f"{KEY}/2"))

    rows = sandbox.rows(NAME).sort("day")
    assert dict(rows.select("day", "arr").rows()) == {
        **{march(day): Decimal("10.00") for day in (1, 2, 3)}, march(5): Decimal("12.34"), march(6): Decimal("-0.01")}
    assert rows.schema["arr"] == pl.Decimal(18, 2)
    assert rows.schema["known_at"] == pl.Datetime("us", "UTC")
    assert first.url is not None
    assert [effect.kind for effect in sandbox.ledger] == ["datasource", "update", "update"]


def test_a_request_id_runs_once(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """After a cut line the same key finds the job that it began, and inserts nothing twice."""
    action = days({march(1): "10.00"}, since=march(1))
    sink().deliver(days({march(2): "1.00"}), IdempotencyKey("first"))
    sandbox.faults = [Fault("cut", on="PATCH")]
    with pytest.raises(OutcomeUnknown):
        sink().deliver(action, KEY)
    sink().deliver(action, KEY)
    again = sink().deliver(action, KEY)

    assert [effect.key for effect in sandbox.ledger if effect.kind == "update"].count(KEY) == 1
    assert sandbox.rows(NAME).height == 1
    assert again.external_id == sink().deliver(action, KEY).external_id


def test_large_files_go_up_in_pieces(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """64 MB at most in one call; here a megabyte, to see it."""
    many = {march(1) - timedelta(days=at): f"{at}.01" for at in range(120)}
    sink().deliver(days(many, noise=40_000), KEY)

    pieces = [path for _, method, path, _ in sandbox.calls if method == "PUT" and "/fileUploads/" in path]
    assert len(pieces) > 1
    assert len(set(pieces)) == 1
    assert sandbox.rows(NAME).height == 120
    assert sandbox.breaches == []


def test_a_job_that_fails_says_why_and_changes_nothing(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """A failed update must not pass for a delivered one."""
    sink().deliver(days({march(1): "10.00"}), KEY)
    sandbox.job_fails = "Not enough disk space"
    with pytest.raises(RecordRejected, match="failed: Not enough disk space"):
        sink().deliver(days({march(2): "1.00"}), IdempotencyKey(f"{KEY}/2"))

    assert sandbox.rows(NAME)["day"].to_list() == [march(1)]


def test_a_job_that_runs_on_is_looked_at_later(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """An hour's queue on a busy server is no failure: the same key looks at the same job."""
    sandbox.job_polls = 12
    with pytest.raises(OutcomeUnknown, match="still runs"):
        sink(job_patience_s=30).deliver(days({march(1): "10.00"}), KEY)

    assert sink().deliver(days({march(1): "10.00"}), KEY).external_id
    assert len([effect for effect in sandbox.ledger if effect.key == KEY]) == 1


def test_a_session_that_ends_in_the_middle_is_renewed(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """Tokens last for hours, and a second sign-in elsewhere may end one at once."""
    ended: list[str] = []

    def end(request: Any, reply: Any) -> Any:
        if request.method == "POST" and request.path.endswith("/fileUploads") and not ended:
            ended.append(request.path)
            sandbox.expire_tokens()
        return reply

    sandbox.alter = end
    sink().deliver(days({march(1): "10.00"}), KEY)

    assert ended
    assert sandbox.rows(NAME).height == 1


def test_a_later_version_of_the_star_is_published_over_it(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """New columns arrive by themselves; extending an old one is refused in words."""
    sink().deliver(days({march(1): "10.00"}), KEY)
    for each in sandbox._sources.values():
        each["description"] = "Steward star schema 0"
        each["tables"]["Extract", "Extract"] = each["tables"]["Extract", "Extract"].drop("arr")
    with pytest.raises(RecordRejected, match="of another version"):
        sink().deliver(days({march(2): "1.00"}, since=march(2)), IdempotencyKey(f"{KEY}/2"))
    sink().deliver(days({march(2): "1.00"}), IdempotencyKey(f"{KEY}/3"))

    assert sandbox.rows(NAME)["arr"].to_list() == [Decimal("1.00")]
    assert len(sandbox._sources) == 1


def test_a_sandbox_that_is_started_anew_remembers(tmp_path: Path, days: Any) -> None:
    """The demo may be stopped and gone on with: what was published stands, and its keys are used."""
    action = days({march(1): "10.00"})
    receipts = []
    for _ in range(2):
        with TableauSandbox(tmp_path / "state", now=lambda: NOW) as started:
            assert isinstance(started, TableauSandbox)
            chosen = TableauSettings(**started.settings())
            sink = CONNECTOR.connect(chosen, Tools(now=lambda: NOW, sleep=lambda _: None, deadline_s=20.0)).sink
            assert sink
            receipts.append(sink.deliver(action, KEY))

    assert receipts[0].external_id == receipts[1].external_id
    assert started.rows(NAME)["arr"].to_list() == [Decimal("10.00")]
    assert len([effect for effect in started.ledger if effect.key == KEY]) == 1


def test_the_project_at_the_top_is_meant(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """Names repeat below; a data source of another project is not ours."""
    sink().deliver(days({march(1): "10.00"}), KEY)
    assert {each["project"] for each in sandbox._sources.values()} == {"ee8c6e70-43b6-11e6-af4f-f7b0d8e20760"}
    with pytest.raises(RecordRejected, match='there is no project "Sales"'):
        sink(project="Sales").deliver(days({march(1): "10.00"}), IdempotencyKey("x"))


def test_every_page_is_read(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """A name with an asterisk-like sign cannot be asked for, so all are listed."""
    sandbox.page_size = 1
    sandbox._projects.insert(0, {"id": "p2", "name": "A, B: C", "description": "", "contentPermissions": "ManagedByOwner",
                                 "owner": "o", "parent": ""})
    sandbox._projects.append({**sandbox._projects[0], "id": "p3", "parent": "p2"})
    sink(project="A, B: C").deliver(days({march(1): "10.00"}), KEY)

    assert {each["project"] for each in sandbox._sources.values()} == {"p2"}


@pytest.mark.parametrize(("settings", "said"), [
    ({"token_secret": "a-wrong-secret-of-somebody"}, "401001: Signin Error"),
    ({"site": "other"}, "see that `site` is right"),
    ({"project": "Sales"}, 'no project "Sales"'),
])
def test_check_says_what_is_missing(sandbox: TableauSandbox, settings: Any, said: str) -> None:
    """In plain words, down to what to do."""
    chosen = TableauSettings(**{**sandbox.settings(), **settings})
    bad = [each for each in CONNECTOR.connect(chosen, Tools(now=lambda: NOW, sleep=lambda _: None)).check() if not each.ok]

    assert said in bad[0].remedy
    assert SECRET not in bad[0].remedy


@pytest.mark.parametrize("seed", range(12 if os.environ.get("STEWARD_TORTURE") else 1))
def test_in_any_weather_it_is_whole_in_the_end(sandbox: TableauSandbox, sink: Any, days: Any, seed: int) -> None:
    """Cuts, 429, 5xx, proxies, ended sessions: in the end each key ran once and the rows are there."""
    sandbox.careful = False                 # every try costs two processes of Hyper otherwise
    sandbox.weather = Weather(seed, share=0.3, kinds=["429", "429_bare", "5xx", "html", "truncated", "cut", "tokens", "quota"])
    keys = []
    for number in range(30):
        if not sandbox.weather.left(sandbox):
            break
        keys.append(IdempotencyKey(f"{KEY}/{number}"))
        for _ in range(40):
            try:
                sink().deliver(days({march(1 + number): "10.00"}), keys[-1])
            except StewardError:
                continue
            break

    assert sandbox.weather.fired.total() == 8
    assert [effect.key for effect in sandbox.ledger if effect.kind == "update"] == keys
    assert sandbox.rows(NAME)["day"].to_list() == [march(len(keys))]


def test_whatever_people_do_to_a_data_source_the_next_publication_is_whole(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """Renamed, deleted, described anew: made again, and never beside one of its own name."""
    chance, said = random.Random(7), []
    for number in range(40 if os.environ.get("STEWARD_TORTURE") else 6):
        said.append(sandbox.stir(chance))
        sink().deliver(days({march(1 + number % 28): "10.00"}), IdempotencyKey(f"{KEY}/{number}"))

        assert [each["name"] for each in sandbox._sources.values()].count(NAME) == 1, said
        assert sandbox.rows(NAME)["day"].to_list() == [march(1 + number % 28)], said
    assert said[0] is None
    assert len({each for each in said if each}) > 1
    assert sandbox.breaches == []


@pytest.mark.parametrize("cents", ["-0.01", "-0.09", "-0.10", "0.05", "-1.05", "99999999999.99", "-99999999999.99"])
def test_every_cent_can_be_written(cents: str, tmp_path: Path) -> None:
    """pantab 5.3.0 cannot write money between -0.09 and -0.01; it goes another way round."""
    import pantab

    frame = pl.DataFrame({"k": ["x", "y"], "arr": [Decimal(cents), None], "day": [march(1)] * 2},
                         schema={"k": pl.String, "arr": pl.Decimal(18, 2), "day": pl.Date})
    hyper.write_with_days(tmp_path / "it.hyper", frame, "day", march(1), march(2))

    found = pantab.frame_from_hyper(tmp_path / "it.hyper", table=("Extract", "Extract"), return_type="polars")
    assert found.sort("k").equals(frame)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most companies have no Tableau and install none of its 160 MB."""
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert missing(CONNECTOR) == ('"tableau" needs what is not installed here. Run: python -m pip install "steward-cs[tableau]"')


# ---- the shapes of answers, against those that tableauserverclient has recorded ----

_ANSWERS = {
    "auth_sign_in.xml": r"POST .*/auth/signin$", "project_get.xml": r"GET .*/projects$",
    "datasource_get.xml": r"GET .*/datasources$", "datasource_publish.xml": r"POST .*/datasources$",
    "fileupload_initialize.xml": r"POST .*/fileUploads$", "fileupload_append.xml": r"PUT .*/fileUploads/",
    "datasource_data_update.xml": r"PATCH .*/data$", "job_get_by_id_failed.xml": r"GET .*/jobs/",
}
_MORE = {"project_get.xml": set(), "datasource_publish.xml": {
    "datasource@description", "datasource@encryptExtracts", "datasource@hasExtracts", "datasource@useRemoteQueryAgent",
    "datasource@webpageUrl"}, "job_get_by_id_failed.xml": {"updateUploadedFileJob/notes"}}


@pytest.mark.skipif(RECORDED is None, reason="the recorded XML is not beside this checkout")
def test_answers_have_the_elements_and_attributes_that_were_recorded(sandbox: TableauSandbox, sink: Any, days: Any) -> None:
    """A client of Tableau must find in ours what it finds in Tableau's, and nothing that is not there."""
    heard: dict[str, bytes] = {}
    sandbox.alter = lambda request, reply: (heard.setdefault(f"{request.method} {request.path}", reply.payload()), reply)[1]
    sandbox.job_polls = 0
    sink().deliver(days({march(1): "10.00"}), KEY)
    heard = {name: body for name, body in heard.items() if "datasources" not in name or "PATCH" in name or "POST" in name}
    sink().deliver(days({march(1): "10.00"}), IdempotencyKey(f"{KEY}/2"))
    wrong = sandbox.error(401).payload()

    for recorded, pattern in _ANSWERS.items():
        ours = next((body for name, body in heard.items() if re.fullmatch(pattern + ".*", name)), None)
        assert ours is not None, recorded
        _compare(recorded, ours)
    _compare("auth_sign_in_error.xml", wrong)
    info = sandbox.server_info(None).payload()      # type: ignore[arg-type]  # it reads nothing of the call
    _compare("server_info_get.xml", info)


def _compare(recorded: str, ours: bytes) -> None:
    from defusedxml.ElementTree import fromstring

    assert RECORDED is not None
    theirs = _shape(fromstring((RECORDED / recorded).read_bytes()))
    extra = _shape(fromstring(ours)) - theirs - _MORE.get(recorded, set())
    lacking = theirs - _shape(fromstring(ours))
    assert not extra, (recorded, extra)
    assert not {each for each in lacking if "tag@" not in each and each not in _OPTIONAL}, (recorded, lacking)


# Of data sources and projects these stand in some answers of the recording and not in others.
_OPTIONAL = {"datasources/datasource@size", "datasources/datasource/tags/tag", "projects/project@parentProjectId"}


def _shape(element: Any, path: str = "") -> set[str]:
    found: set[str] = set()
    for child in element:
        name = f"{path}{'/' if path else ''}{child.tag.rpartition('}')[2]}"
        found.add(name)
        found |= {f"{name}@{attribute}" for attribute in child.attrib}
        found |= _shape(child, name)
    return found


def test_tableauserverclient_alone_is_content_with_the_sandbox(sandbox: TableauSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client library with its own line, without a thing of ours between: publish in pieces, update, wait, list."""
    monkeypatch.setenv("TSC_CHUNK_SIZE_MB", "1")
    monkeypatch.setenv("TSC_FILESIZE_LIMIT_MB", "1")
    noise = "".join(random.Random(7).choices("abcdefghijklmnop", k=3_000_000))
    frame = pl.DataFrame({"k": [noise[at:at + 1000] for at in range(0, len(noise), 1000)]})
    hyper.write(tmp_path / "it.hyper", frame)
    assert os.path.getsize(tmp_path / "it.hyper") > 2**20
    server = TSC.Server(sandbox.url, use_server_version=False)
    server.version = "3.21"
    with server.auth.sign_in(TSC.PersonalAccessTokenAuth("steward", SECRET, "cs")):
        projects, _ = server.projects.get()
        top = next(each for each in projects if each.parent_id is None)
        made = server.datasources.publish(TSC.DatasourceItem(top.id, "Mine"), tmp_path / "it.hyper", "CreateNew")
        job = server.datasources.update_hyper_data(
            made.id, request_id="r1", actions=hyper.replace_all(), payload=tmp_path / "it.hyper")
        again = server.datasources.update_hyper_data(
            made.id, request_id="r1", actions=hyper.replace_all(), payload=tmp_path / "it.hyper")
        server.jobs.wait_for_job(job)
        listed, page = server.datasources.get()
        with pytest.raises(TSC.ServerResponseError, match="409006"):
            server.datasources.publish(TSC.DatasourceItem(top.id, "Mine"), tmp_path / "it.hyper", "CreateNew")

    assert again.id == job.id
    assert [each.name for each in listed] == ["Mine"]
    assert page.total_available == 1
    assert len([path for _, method, path, _ in sandbox.calls if method == "PUT"]) > 6
    assert sandbox.rows("Mine").height == frame.height
