"""Bulk API 2.0 as the sandbox plays it: query jobs whose results come by locator, and ingest jobs, both as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.salesforce.org import Org
from connectors.salesforce.sandbox_collections import upsert_row
from connectors.salesforce.sandbox_replies import DATA, refusal
from connectors.salesforce.sandbox_rules import Refused
from connectors.salesforce.schema import NUMBERS
from connectors.salesforce.soql import SoqlError, instant, parse, written
from steward.kit.sandbox import Reply, Request, Sandbox, route

JOBS = DATA + "/jobs"
KEPT_DAYS = 7
MOST_UPLOAD_BYTES = 150 * 2**20
_DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
_INGEST = ("insert", "update", "upsert", "delete", "hardDelete")
_WORKING = ("UploadComplete", "InProgress")


@dataclass(slots=True)
class Job:
    """One job. `lines`: the CSV of its results without their header; `polls`: how often it says that it is at it."""

    id: str
    version: str
    operation: str
    table: str
    state: str
    created_at: datetime
    delimiter: str = "COMMA"
    ending: str = "LF"
    soql: str = ""
    external_id_field: str = ""
    header: tuple[str, ...] = ()
    lines: list[bytes] = field(default_factory=list)
    uploaded: bytes = b""
    done: list[tuple[str, bool, dict[str, str]]] = field(default_factory=list)
    refused: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    polls: int = 1
    message: str = ""


class BulkDoors(Sandbox):
    """The routes of `/jobs`. `job_polls`: how often a job says that it is at work; `header_once`: only the first part
    of a result has the row of names; `job_fails`: the next jobs that are begun fail with these words."""

    job_polls = 1
    header_once = False
    most_results = 250_000                   # rows in one part of a result, however many are asked for

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.jobs: dict[str, Job] = {}
        self.job_fails: list[str] = []
        self._org: Org

    # ---- what may happen to jobs ----

    def forget_jobs(self) -> None:
        """Every job is gone, as after seven days, or by an administrator's hand."""
        with self.lock:
            self.jobs.clear()

    # ---- query ----

    @route("POST", JOBS + "/query")
    def create_query_job(self, request: Request) -> Reply:
        asked = request.json()
        if asked.get("operation") not in ("query", "queryAll"):
            return refusal("INVALIDJOB", "operation must be query or queryAll")
        try:
            query = parse(str(asked.get("query", "")), self._org.visible())
        except SoqlError as error:
            return refusal(error.code, error.message)
        if not query.fields or query.offset:
            return refusal("INVALIDJOB", "Aggregate queries and OFFSET are not supported by the Bulk API")
        job = self._new("query", request, asked, query.table, "UploadComplete")
        job.soql = str(asked["query"])
        return Reply(200, self._told(job))

    @route("GET", JOBS + "/query/{job}")
    def query_job(self, request: Request) -> Reply:
        return self._told_of(request)

    @route("GET", JOBS + "/query/{job}/results")
    def query_results(self, request: Request) -> Reply:
        job = self._find(request)
        if job is None:
            return self.error(404)
        if job.version != request.params["version"]:
            return refusal("INVALIDVERSION", "the API version differs from the one that created the job", status=409)
        if job.state != "JobComplete":
            return refusal("JOB_NOT_COMPLETE", f"Job is not complete: {job.state}", status=412)
        start, wanted = _start_of(request.query.get("locator", "")), request.query.get("maxRecords", "")
        if start is None or start > len(job.lines):
            return refusal("INVALID_LOCATOR", "invalid locator")
        end = min(start + min(self.most_results, int(wanted) if wanted.isdigit() else 50_000), len(job.lines))
        text = b"".join(job.lines[start:end])
        if start == 0 or not self.header_once:
            text = _line(job, job.header) + text
        locator = "null" if end >= len(job.lines) else f"MTA{end}"
        return Reply(200, text, {"Sforce-NumberOfRecords": str(end - start), "Sforce-Locator": locator},
                     "text/csv; charset=UTF-8")

    # ---- ingest ----

    @route("POST", JOBS + "/ingest")
    def create_ingest_job(self, request: Request) -> Reply:
        asked = request.json()
        schema = self._org.visible().get(str(asked.get("object", "")))
        if schema is None:
            return refusal("INVALIDENTITY", f"Entity '{asked.get('object')}' is not supported by the Bulk API.")
        if asked.get("operation") not in _INGEST or asked.get("contentType", "CSV") != "CSV":
            return refusal("INVALIDJOB", "no such operation or content type")
        by = str(asked.get("externalIdFieldName") or "")
        if asked["operation"] == "upsert" and not (by in schema.fields and (
                by == "Id" or schema.fields[by].external_id)):
            return refusal("INVALIDJOB", f"externalIdFieldName '{by}' is no external id of {schema.name}")
        job = self._new("ingest", request, asked, schema.name, "Open")
        job.external_id_field = by
        return Reply(200, self._told(job) | {"contentUrl": f"services/data/{job.version}/jobs/ingest/{job.id}/batches"})

    @route("PUT", JOBS + "/ingest/{job}/batches")
    def upload(self, request: Request) -> Reply:
        job = self._find(request)
        if job is None:
            return self.error(404)
        if job.state != "Open" or job.uploaded:
            return refusal("INVALIDJOBSTATE", "Found multiple contents for job, or the job is not open")
        if len(request.body) > MOST_UPLOAD_BYTES:
            self.breaches.append(f"an upload of {len(request.body)} bytes; {MOST_UPLOAD_BYTES} are the most")
            return refusal("EXCEEDED_QUOTA", "the upload is too large", status=413)
        job.uploaded = request.body
        return Reply(201)

    @route("PATCH", JOBS + "/ingest/{job}")
    @route("PATCH", JOBS + "/query/{job}")
    def change_job(self, request: Request) -> Reply:
        job, wanted = self._find(request), request.json().get("state")
        if job is None:
            return self.error(404)
        if wanted == "Aborted" and job.state in ("Open", *_WORKING):
            job.state = "Aborted"
        elif wanted == "UploadComplete" and job.state == "Open":
            job.state = "UploadComplete"
        else:
            return refusal("INVALIDJOBSTATE", f"the job is {job.state}")
        return Reply(200, self._told(job))

    @route("GET", JOBS + "/ingest/{job}")
    def ingest_job(self, request: Request) -> Reply:
        return self._told_of(request)

    @route("DELETE", JOBS + "/ingest/{job}")
    @route("DELETE", JOBS + "/query/{job}")
    def delete_job(self, request: Request) -> Reply:
        job = self._find(request)
        if job is None:
            return self.error(404)
        if job.state in _WORKING:
            return refusal("INVALIDJOBSTATE", "the job is at work; abort it first")
        del self.jobs[job.id]
        return Reply(204)

    @route("GET", JOBS + "/ingest/{job}/{which}")
    def ingest_results(self, request: Request) -> Reply:
        job, which = self._find(request), request.params["which"].lower()
        if job is None:
            return self.error(404)
        rows: list[Sequence[Any]]
        if which == "successfulresults":
            header: tuple[str, ...] = ("sf__Id", "sf__Created", *job.header)
            rows = [(made, str(created).lower(), *given.values()) for made, created, given in job.done]
        elif which == "failedresults":
            header = ("sf__Id", "sf__Error", *job.header)
            rows = [("", why, *given.values()) for _, why, given in job.refused]
        elif which == "unprocessedrecords":
            header, rows = job.header, []
            if job.state in ("Aborted", "Failed"):
                rows = [tuple(row.values()) for row in _read(job, job.uploaded)]
        else:
            return self.error(404)
        return Reply(200, b"".join([_line(job, header), *(_line(job, row) for row in rows)]),
                     content_type="text/csv; charset=UTF-8")

    # ---- a job's life ----

    def _new(self, kind: str, request: Request, asked: Mapping[str, Any], table: str, state: str) -> Job:
        number = len(self.jobs) + 1
        job = Job(f"750Sb{number:010d}{'AAQ' if kind == 'query' else 'AAI'}", request.params["version"],
                  asked["operation"], table, state, self.now(), asked.get("columnDelimiter") or "COMMA",
                  asked.get("lineEnding") or "LF", polls=self.job_polls)
        while job.id in self.jobs:
            number += 1
            job.id = f"750Sb{number:010d}{job.id[-3:]}"
        if self.job_fails:
            job.message = self.job_fails.pop(0)
        self.jobs[job.id] = job
        return job

    def _find(self, request: Request) -> Job | None:
        job = self.jobs.get(request.params["job"])
        if job is not None and self.now() - job.created_at > timedelta(days=KEPT_DAYS):
            del self.jobs[job.id]
            return None
        return job

    def _told_of(self, request: Request) -> Reply:
        job = self._find(request)
        if job is None:
            return self.error(404)
        if job.state in _WORKING:
            job.polls -= 1
            job.state = "InProgress"
            if job.polls < 0:
                self._work(job)
        return Reply(200, self._told(job))

    def _work(self, job: Job) -> None:
        if job.message:
            job.state = "Failed"
            return
        if job.soql:
            self._run_query(job)
        else:
            self._ingest(job)
        job.state = "JobComplete"

    def _run_query(self, job: Job) -> None:
        query = parse(job.soql, self._org.visible())
        table = self._org.tables[query.table]
        ids = table.select(query, deleted=job.operation == "queryAll")
        if not query.order:
            ids = sorted(ids)                # by id, not by time: in parts, as primary keys are cut
        job.header = query.fields
        kinds = [table.schema.fields[name].type for name in query.fields]
        job.lines = [
            _line(job, [_as_csv(kind, row.get(name)) for name, kind in zip(query.fields, kinds, strict=True)])
            for row in (table.rows[each] for each in ids)
        ]

    def _ingest(self, job: Job) -> None:
        rows = list(_read(job, job.uploaded))
        job.header = tuple(rows[0]) if rows else ()
        fields = self._org.tables[job.table].schema.fields
        for given in rows:
            row = {name: _from_csv(fields[name].type if name in fields else "string", value)
                   for name, value in given.items() if value != ""}
            try:
                made, created = self._apply(job, row)
            except Refused as error:
                job.refused.append(("", f"{error.code}:{error.message}:{' '.join(error.fields) or '--'}", given))
            else:
                job.done.append((made, created, given))

    def _apply(self, job: Job, row: dict[str, Any]) -> tuple[str, bool]:
        if job.operation == "insert":
            return self._org.write(job.table, None, row, "create"), True
        if job.operation == "upsert" and job.external_id_field != "Id":
            return upsert_row(self._org, job.table, job.external_id_field, row)
        old = self._org.tables[job.table].find(str(row.pop("Id", "")))
        if old is None or old.get("IsDeleted"):
            raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "Id")
        if job.operation in ("delete", "hardDelete"):
            self._org.drop(job.table, old)
            return str(old["Id"]), False
        return self._org.write(job.table, old, row, "update"), False

    def _told(self, job: Job) -> dict[str, Any]:
        is_query = bool(job.soql) or job.operation in ("query", "queryAll")
        told: dict[str, Any] = {
            "id": job.id, "operation": job.operation, "object": job.table, "createdById": "005Sb000000000AAA",
            "createdDate": written(job.created_at), "systemModstamp": written(self.now()), "state": job.state,
            "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(job.version.removeprefix("v")),
            "jobType": "V2Query" if is_query else "V2Ingest", "lineEnding": job.ending,
            "columnDelimiter": job.delimiter, "retries": 0, "totalProcessingTime": 10,
            "numberRecordsProcessed": len(job.lines) + len(job.done) + len(job.refused),
        }
        if not is_query:
            told["numberRecordsFailed"] = len(job.refused)
            if job.external_id_field:
                told["externalIdFieldName"] = job.external_id_field
        return told | ({"errorMessage": job.message} if job.state == "Failed" else {})


def _start_of(locator: str) -> int | None:
    if locator in ("", "null"):
        return 0
    number = locator.removeprefix("MTA")
    return int(number) if number.isdigit() else None


def _line(job: Job, values: Sequence[Any]) -> bytes:
    """One line; every value in quotes, as Salesforce writes them."""
    text = _DELIMITERS[job.delimiter].join('"' + str(value).replace('"', '""') + '"' for value in values)
    return (text + _ENDINGS[job.ending]).encode()


def _as_csv(kind: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "datetime":
        return str(value).replace("+0000", "Z")
    return repr(value) if isinstance(value, float) else str(value)


def _read(job: Job, body: bytes) -> Iterator[dict[str, str]]:
    text = body.decode("utf-8-sig")
    return iter(csv.DictReader(io.StringIO(text, newline=""), delimiter=_DELIMITERS[job.delimiter]))


def _from_csv(kind: str, text: str) -> Any:
    if text == "#N/A":
        return None
    try:
        if kind in NUMBERS:
            return float(text)
        if kind == "boolean":
            return text.lower() in ("true", "1")
        if kind == "datetime":
            return written(instant(text))
    except ValueError:
        raise Refused("INVALID_TYPE_ON_FIELD_IN_RECORD", f"'{text[:40]}' is no {kind}") from None
    return text
