"""Tableau played on loopback: sign-in, projects, data sources, uploads in pieces, updates with a RequestID, jobs."""

from __future__ import annotations

import random
import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree.ElementTree import Element, ParseError

from connectors.tableau import sandbox_hyper, sandbox_xml
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.kit.sandbox_tables import sample_extension, sample_publication
from steward.model.actions import Action
from steward.reporting import STAR

if TYPE_CHECKING:
    import polars as pl

TOKEN_NAME, SECRET = "steward", "sandbox-personal-access-token-of-tableau=="
SITE, SITE_URL, OWNER = "6b7179ba-b82b-4f0f-91ed-812074ac5da6", "cs", "1a96d216-e9b8-497b-a82a-0b899a965e01"
PROJECT = "ee8c6e70-43b6-11e6-af4f-f7b0d8e20760"
_SAMPLE = "fact_account_day"
_MIB = 2**20
_MOST_PIECE, _MOST_WHOLE, _MOST_PAGE = 64 * _MIB, 64 * _MIB, 1000
_WORDS = {400: ("400000", "Bad Request"), 401: ("401002", "Unauthorized Access"), 403: ("403004", "Forbidden"),
          404: ("404000", "Resource Not Found"), 409: ("409006", "Resource Conflict"),
          429: ("429000", "Too Many Requests")}
_AT = "/api/{version}/sites/{site}"


class TableauSandbox(Sandbox):
    """One site. `rows` shows what a data source holds; `job_fails` lets the next jobs fail with these words.

    Reading a .hyper file takes a process and, on a busy machine, a second: a `careful` sandbox reads it as a job is
    looked at, so that a bad one fails the job; others when somebody looks at the rows.
    """

    name = "tableau"
    token_s = 240 * 60.0
    careful = False
    job_polls = 1                              # so often a job is still running when it is looked at

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self._tokens: dict[str, datetime] = {}
        self._projects = [
            {"id": each, "name": "default", "description": "", "contentPermissions": "ManagedByOwner", "owner": OWNER,
             "parent": parent} for each, parent in ((str(uuid.uuid4()), PROJECT), (PROJECT, ""))]
        self._sources: dict[str, dict[str, Any]] = {}
        self._uploads: dict[str, bytearray] = {}
        self._jobs: dict[str, dict[str, Any]] = {}
        self.job_fails = ""
        self._quota_gone = 0
        self._begun = {effect.key: str(effect.detail["job"]) for effect in self.ledger if effect.kind == "update"}
        if state_dir:
            self._sources = sandbox_hyper.kept(state_dir)

    # ---- what the oracle asks ----

    def rows(self, name: str) -> pl.DataFrame:
        """What the data source called `name` holds."""
        with self.lock:
            for job in self._jobs.values():
                self._run(job)
            source = next(each for each in self._sources.values() if each["name"] == name)
            found: pl.DataFrame = source["tables"]["Extract", "Extract"]
            return found

    def seed(self, accounts: int) -> None:
        from steward.kit.published import rows_of

        rows = rows_of(sample_publication(_SAMPLE, self.now())).clear()
        self._make(f"Steward {_SAMPLE}", f"Steward star schema {STAR.version}", PROJECT, {("Extract", "Extract"): rows})

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        raise ValueError(f'the tableau sandbox has no table "{table}"; it is filled through its API')

    def settings(self) -> dict[str, Any]:
        return {"server": self.url, "site": SITE_URL, "token_name": TOKEN_NAME, "token_secret": SECRET, "chunk_mb": 1}

    def sample_actions(self) -> Sequence[Action]:
        return sample_publication(_SAMPLE, self.now()), sample_extension(_SAMPLE, self.now())

    # ---- what goes wrong ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        code, summary = _WORDS.get(status, (f"{status}000", "Error"))
        return sandbox_xml.reply(sandbox_xml.error(code, summary, "It was not done."), status, headers)

    def expire_tokens(self) -> None:
        with self.lock:
            self._tokens = dict.fromkeys(self._tokens, self.now() - timedelta(days=1))

    def exhaust_quota(self, calls: int) -> None:
        with self.lock:
            self._quota_gone = calls

    def stir(self, chance: random.Random) -> str | None:
        """What people do to data sources: rename, delete, write another description."""
        with self.lock:
            if not self._sources:
                return None
            name = chance.choice(sorted(self._sources))
            found = self._sources[name]
            match chance.choice(("rename", "delete", "describe")):
                case "rename":
                    found["name"] = f"{found['name']} (old)"
                    return "somebody renamed a data source"
                case "delete":
                    del self._sources[name]
                    return "somebody deleted a data source"
            found["description"] = "Ask Ana"
            return "somebody wrote another description"

    def allow(self, request: Request) -> Reply | None:
        if request.path.endswith(("/auth/signin", "/serverInfo", "/serverinfo")):
            return None
        ends = self._tokens.get(request.headers.get("x-tableau-auth", ""))
        if ends is None or ends <= self.now():
            return self.error(401)
        if self._quota_gone > 0:
            self._quota_gone -= 1
            return self.error(429, "1")
        return None

    # ---- sign-in ----

    @route("GET", "/api/{version}/serverInfo")
    def server_info(self, request: Request) -> Reply:
        return sandbox_xml.reply(sandbox_xml.server_info())

    @route("POST", "/api/{version}/auth/signin")
    def sign_in(self, request: Request) -> Reply:
        asked = _parsed(request.body)
        own = asked.find("credentials") if asked is not None else None
        site = own.find("site") if own is not None else None
        if own is None or site is None:
            return self.error(400)
        known = (own.get("personalAccessTokenName"), own.get("personalAccessTokenSecret"), site.get("contentUrl"))
        if known != (TOKEN_NAME, SECRET, SITE_URL):
            return sandbox_xml.reply(
                sandbox_xml.error("401001", "Signin Error", "Error signing in to Tableau Server"), 401)
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self.now() + timedelta(seconds=self.token_s)
        return sandbox_xml.reply(sandbox_xml.credentials(token, (SITE, SITE_URL), OWNER))

    @route("POST", "/api/{version}/auth/signout")
    def sign_out(self, request: Request) -> Reply:
        self._tokens.pop(request.headers.get("x-tableau-auth", ""), None)
        return Reply(204)

    # ---- projects and data sources ----

    @route("GET", _AT + "/projects")
    def projects(self, request: Request) -> Reply:
        return self._page(request, "projects", [each for each in self._projects if _matches(request, each["name"])],
                          sandbox_xml.project)

    @route("GET", _AT + "/datasources")
    def datasources(self, request: Request) -> Reply:
        found = [each for each in self._sources.values() if _matches(request, each["name"])]
        return self._page(request, "datasources", found,
                          lambda each: sandbox_xml.datasource(each, self._project_name(each["project"])))

    @route("POST", _AT + "/datasources")
    def publish(self, request: Request) -> Reply:
        parts = _parts(request)
        asked = _parsed(parts.get("request_payload", b""))
        item = asked.find("datasource") if asked is not None else None
        project = item.find("project") if item is not None else None
        uploaded = self._uploads.get(request.query.get("uploadSessionId", ""), b"")
        content = parts.get("tableau_datasource") or bytes(uploaded)
        if item is None or project is None or not content or request.query.get("datasourceType") != "hyper":
            return self.error(400)
        if len(request.body) > _MOST_WHOLE:
            self.breaches.append(f"a file of {len(request.body):,} bytes in one call")
            return self.error(400)
        if self._project_name(project.get("id", "")) == "":
            return self.error(404)
        try:
            tables = sandbox_hyper.read(content)
        except sandbox_hyper.Failed as fault:
            return sandbox_xml.reply(sandbox_xml.error("400011", "Bad Request", str(fault)), 400)
        name = item.get("name", "")
        there = next((each for each in self._sources.values()
                      if (each["name"], each["project"]) == (name, project.get("id"))), None)
        if there is not None and request.query.get("overwrite") != "true":
            return self.error(409)
        made = self._make(name, item.get("description", ""), project.get("id", ""), tables, there)
        self.ledger.append("datasource", "", {"id": made["id"], "name": name})
        return sandbox_xml.reply(sandbox_xml.datasource(made, self._project_name(made["project"])), 201)

    # ---- uploads ----

    @route("POST", _AT + "/fileUploads")
    def begin_upload(self, request: Request) -> Reply:
        made = f"{len(self._uploads) + 1000}:{secrets.token_hex(16)}-1:0"
        self._uploads[made] = bytearray()
        return sandbox_xml.reply(sandbox_xml.file_upload(made, 0), 201)

    @route("PUT", _AT + "/fileUploads/{upload}")
    def append_upload(self, request: Request) -> Reply:
        held = self._uploads.get(request.params["upload"])
        piece = _parts(request).get("tableau_file")
        if held is None:
            return self.error(404)
        if piece is None:
            return self.error(400)
        if len(piece) > _MOST_PIECE:
            self.breaches.append(f"a piece of {len(piece):,} bytes")
            return self.error(400)
        held += piece
        return sandbox_xml.reply(sandbox_xml.file_upload(request.params["upload"], len(held) // _MIB))

    # ---- updates ----

    @route("PATCH", _AT + "/datasources/{source}/data")
    def update(self, request: Request) -> Reply:
        """A RequestID that was used before names the job that it began, and begins nothing."""
        source = self._sources.get(request.params["source"])
        upload = self._uploads.get(request.query.get("uploadSessionId", ""))
        key = request.headers.get("requestid", "")
        if source is None or upload is None:
            return self.error(404)
        if not key:
            return self.error(400)
        if key not in self._begun:
            made = {"id": str(uuid.uuid4()), "source": source["id"], "at": self.now(), "polls": self.job_polls,
                    "done": False, "code": 0, "notes": ""}
            self._jobs[made["id"]] = made
            self._begun[key] = made["id"]
            made["work"] = (request.json().get("actions") or [], bytes(upload))
            if self.state_dir:
                self._run(made)                # before it stands in the ledger: a restart must find it done
            self.ledger.append("update", key, {"job": made["id"], "source": source["name"]})
        known = self._jobs.get(self._begun[key]) or {
            "id": self._begun[key], "source": source["id"], "at": self.now(), "polls": 0, "done": False, "code": 0,
            "notes": ""}
        self._jobs[known["id"]] = known
        return sandbox_xml.reply(sandbox_xml.job({**known, "done": False}, source), 202)

    @route("GET", _AT + "/jobs/{job}")
    def job(self, request: Request) -> Reply:
        found = self._jobs.get(request.params["job"])
        if found is None:
            return self.error(404)
        if self.careful or self.job_fails:
            self._run(found)
        found["done"] = found["polls"] <= 0
        found["polls"] -= 1
        gone = {"id": found["source"], "name": "", "connection": OWNER}
        return sandbox_xml.reply(sandbox_xml.job(found, self._sources.get(found["source"], gone)))

    def _run(self, job: dict[str, Any]) -> None:
        """Do the work of the job, once: somebody looks at it, or at what it changes."""
        actions, content = job.pop("work", (None, b""))
        source = self._sources.get(job["source"])
        if actions is None or source is None:
            return
        try:
            if self.job_fails:
                raise sandbox_hyper.Failed(self.job_fails)
            source["tables"] = sandbox_hyper.apply(actions, source["tables"], content)
            source["updated_at"] = self.now()
            self._keep()
        except sandbox_hyper.Failed as fault:
            job["code"], job["notes"] = 1, str(fault)

    # ---- helpers ----

    def _make(
        self, name: str, description: str, project: str, tables: sandbox_hyper.Tables,
        there: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        made: dict[str, Any] = {
                "id": there["id"] if there else str(uuid.uuid4()), "name": name, "description": description,
                "project": project, "owner": OWNER, "connection": str(uuid.uuid4()), "tables": tables,
                "created_at": there["created_at"] if there else self.now(), "updated_at": self.now()}
        self._sources[made["id"]] = made
        self._keep()
        return made

    def _keep(self) -> None:
        if self.state_dir:
            sandbox_hyper.keep(self.state_dir, self._sources)

    def _project_name(self, project_id: str) -> str:
        return next((each["name"] for each in self._projects if each["id"] == project_id), "")

    def _page(self, request: Request, plural: str, found: Sequence[Any], draw: Callable[[Any], Element]) -> Reply:
        number, size = int(request.query.get("pageNumber", "1")), int(request.query.get("pageSize", "100"))
        if size > _MOST_PAGE:
            self.breaches.append(f"a page of {size} {plural}")
            return self.error(400)
        size = min(size, self.page_size)
        held = Element(plural)
        held.extend(draw(each) for each in found[(number - 1) * size:number * size])
        return sandbox_xml.several([sandbox_xml.pagination(number, size, len(found)), held])


def _matches(request: Request, name: str) -> bool:
    """Only `filter=name:eq:…` is known here."""
    wanted = request.query.get("filter", "")
    return not wanted or name == wanted.removeprefix("name:eq:")


def _parsed(body: bytes) -> Element | None:
    from defusedxml.ElementTree import fromstring

    try:
        found: Element = fromstring(body)
    except (ParseError, ValueError):
        return None
    return found


def _parts(request: Request) -> dict[str, bytes]:
    """The parts of a multipart/mixed body, by the name in their Content-Disposition; bytes as they are."""
    boundary = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    found: dict[str, bytes] = {}
    if boundary is None:
        return found
    for part in request.body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        named = re.search(rb'(?<![a-z])name="([^"]+)"', head)
        if named:
            found[named[1].decode()] = content.removesuffix(b"\r\n")
    return found
