"""One site of Tableau, by tableauserverclient: its data sources, uploads, updates and jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from connectors.tableau.line import Line, words
from connectors.tableau.settings import TableauSettings
from steward.contracts import Tools
from steward.kit.client import Client
from steward.model.errors import OutcomeUnknown, RecordRejected, TryAgain

T = TypeVar("T")

_VERSION = "Steward star schema "
_MOST_WAIT_S = 15.0
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Source:
    """A published data source. `schema_version`: of the star that it was made for; 0 where it does not say."""

    id: str
    name: str
    schema_version: int
    url: str | None


class Tableau:
    """Signs in; every sign-in is a session of its own."""

    def __init__(self, settings: TableauSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools
        self._client = Client("tableau", settings.server, tools, words=words)

    def signed_in(self) -> Site:
        """A site to work on. Raises AccessDenied where the token is wrong or over."""
        tsc = _library()
        own = tsc.PersonalAccessTokenAuth(
            self._settings.token_name, self._settings.token_secret.get_secret_value(), self._settings.site)

        def sign_in() -> str:
            _understood(self._client, "sign in", False, lambda: server.auth.sign_in(own))
            return str(server.auth_token)

        server = tsc.Server(
            self._settings.server, use_server_version=False, session_factory=lambda: Line(self._client, sign_in))
        server.version = self._settings.api_version
        sign_in()
        return Site(server, self._client, self._settings, self._tools)


class Site:
    """What may be done while signed in."""

    def __init__(self, server: Any, client: Client, settings: TableauSettings, tools: Tools) -> None:
        self._server, self._client, self._settings, self._tools = server, client, settings, tools

    def project_id(self) -> str:
        """The project of the settings, the one at the top where several have its name.

        Raises:
            RecordRejected: there is none, or the token may not see it.
        """
        wanted = self._settings.project
        found = [each for each in self._listed(self._server.projects, "list the projects", wanted)
                 if each.name == wanted]
        if not found:
            raise RecordRejected(f'tableau: there is no project "{wanted}" on the site, or the token may not see it. '
                                 "Make it, or set `project`", "project")
        return str(min(found, key=lambda each: (each.parent_id is not None, str(each.id))).id)

    def source(self, name: str, project_id: str) -> Source | None:
        """The data source of that name in the project."""
        for each in self._listed(self._server.datasources, "list the data sources", name):
            if each.name == name and each.project_id == project_id:
                return _source(each)
        return None

    def make(self, name: str, project_id: str, file: Path, schema_version: int, *, over: bool) -> Source:
        """Publish `file` as the data source `name`, new or over the one there is."""
        tsc = _library()
        item = tsc.DatasourceItem(project_id, name)
        item.description = f"{_VERSION}{schema_version}"
        mode = tsc.Server.PublishMode.Overwrite if over else tsc.Server.PublishMode.CreateNew
        return _understood(self._client, "make the data source", True,
                           lambda: _source(self._server.datasources.publish(item, str(file), mode)))

    def upload(self, file: Path) -> str:
        """Bring the file up in pieces; the name of the upload."""
        what, uploads, requests = "upload the rows", self._server.fileuploads, _library().server.RequestFactory
        upload_id = _understood(self._client, what, False, lambda: _known(uploads.initiate()))
        with file.open("rb") as opened:
            while piece := opened.read(self._settings.chunk_mb * _MIB):
                body, kind = requests.Fileupload.chunk_req(piece)
                _understood(self._client, what, False,
                            lambda body=body, kind=kind: uploads.append(upload_id, body, kind))  # type: ignore[misc]  # mypy cannot infer a default
        return upload_id

    def update(self, source: Source, request_id: str, actions: Sequence[Mapping[str, Any]], upload_id: str) -> str:
        """Begin the update as one transaction, or, where `request_id` was used before, name the one that it began."""
        from json import dumps

        datasources = self._server.datasources
        url = f"{datasources.baseurl}/{source.id}/data?uploadSessionId={upload_id}"

        def begin() -> str:
            answer = datasources.patch_request(
                url, dumps({"actions": actions}), "application/json", parameters={"headers": {"requestid": request_id}})
            return _job(answer.content, self._server)

        return _understood(self._client, "update the data source", True, begin)

    def wait(self, job_id: str) -> None:
        """Until the job has ended well.

        Raises:
            RecordRejected: it failed, or somebody cancelled it.
            OutcomeUnknown: it still runs, or cannot be looked at now.
        """
        waited_s, pause_s = 0.0, 1.0
        while True:
            try:
                job = _understood(self._client, "look at the job", False, lambda: self._server.jobs.get_by_id(job_id))
            except TryAgain as error:
                raise OutcomeUnknown(f"{error} The job {job_id} was begun.") from None
            if job.completed_at is not None:
                break
            if waited_s >= self._settings.job_patience_s:
                raise OutcomeUnknown(f"tableau: the job {job_id} still runs after {waited_s:.0f} s.")
            self._tools.sleep(pause_s)
            waited_s, pause_s = waited_s + pause_s, min(pause_s * 2, _MOST_WAIT_S)
        if job.finish_code != 0:
            said = "; ".join(str(note) for note in (job.notes or ()) if note)[:200] or "Tableau does not say why"
            raise RecordRejected(f"tableau: the job {job_id} failed: {said}. See it under Jobs; then publish anew "
                                 "with: steward publish --now")

    def _listed(self, endpoint: Any, what: str, name: str) -> Iterator[Any]:
        tsc = _library()
        options = tsc.RequestOptions(pagesize=1000)
        if not set(name) & set(",&:[]"):       # the server can not be asked for a name with one of them
            options.filter.add(tsc.Filter(tsc.RequestOptions.Field.Name, tsc.RequestOptions.Operator.Equals, name))
        while True:
            items, page = _understood(self._client, what, False, lambda: endpoint.get(options))
            yield from items
            if page.page_number * page.page_size >= page.total_available or not items:
                return
            options.pagenumber = page.page_number + 1


def _library() -> Any:
    """The client library, imported late; its types are not those that its functions take."""
    return import_module("tableauserverclient")


def _understood(client: Client, what: str, write: bool, call: Callable[[], T]) -> T:
    """What `call` gives; an answer of Tableau's that lacks what it should have is as good as none."""
    try:
        return call()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        pass
    raise client.lost(what, write)


def _known(name: Any) -> str:
    if not name:
        raise ValueError
    return str(name)


def _job(body: bytes, server: Any) -> str:
    tsc = _library()
    return _known(tsc.JobItem.from_response(body, server.namespace)[0].id)


def _source(item: Any) -> Source:
    said = str(item.description or "")
    version = said.removeprefix(_VERSION)
    return Source(_known(item.id), str(item.name), int(version) if said != version and version.isdecimal() else 0,
                  item.webpage_url or None)
