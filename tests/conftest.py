"""For all tests: nothing but loopback is contacted; `database` is SQLite and PostgreSQL in turn."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from benchmarks.postgres import free_port, run_postgres

hypothesis.settings.register_profile("steward", deadline=None)      # a busy machine is not a failure
hypothesis.settings.load_profile("steward")

# Programs that a test starts: those that heed a proxy reach loopback only, as port 9 discards.
os.environ.update(
    HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9", ALL_PROXY="http://127.0.0.1:9",
    NO_PROXY="127.0.0.1,localhost,::1", DO_NOT_TRACK="1",
)
os.environ.update({name.lower(): os.environ[name] for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")})


class ContactedTheWorld(RuntimeError):
    """A test tried to reach something beyond loopback."""


def _refuse_the_world(happening: str, details: tuple[Any, ...]) -> None:
    """An audit hook: sees every socket of this process, whichever library opens it."""
    if happening in ("socket.connect", "socket.sendto"):
        line, address = details
        if line.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise ContactedTheWorld(f"a test tried to reach {address}; use a sandbox on loopback")
    elif happening in ("socket.getaddrinfo", "socket.gethostbyname") and not _is_loopback(details[0]):
        raise ContactedTheWorld(f"a test asked for the address of {details[0]!r}; use a sandbox on loopback")


def _is_loopback(host: str | bytes | None) -> bool:
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host in (None, "", "localhost", _HERE):
        return True
    try:
        address = ipaddress.ip_address(str(host).split("%", 1)[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


_HERE = socket.gethostname()
sys.addaudithook(_refuse_the_world)


# ---- the store ----

@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server: STEWARD_TEST_POSTGRES_URL, or one that is started for this run and stopped after it."""
    given = os.environ.get("STEWARD_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="steward-postgres-"))
    try:
        yield from run_postgres(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database with empty tables, of this test's own while it runs."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        shutil.copy(template, tmp_path / "steward.db")
        yield f"sqlite:///{tmp_path / 'steward.db'}"
        return
    shelf: _Shelf = request.getfixturevalue("_postgres_shelf")
    url = shelf.take()
    yield url
    shelf.give_back(url)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database in which there is nothing yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'empty.db'}"
    shelf: _Shelf = request.getfixturevalue("_postgres_shelf")
    return shelf.make()


@pytest.fixture
def closed_port() -> int:
    """A port of loopback that nobody listens on."""
    return free_port()


@pytest.fixture
def database(database_url: str, tmp_path: Path) -> Iterator[Any]:
    """An open `steward.store.database.Database`, empty, of this test's own."""
    from steward.store.database import Database

    opened = Database.open(database_url, tmp_path / "data")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from steward.store.database import Database

    path = tmp_path_factory.mktemp("template") / "steward.db"
    Database.open(f"sqlite:///{path}", path.parent / "data").close()
    return path


@pytest.fixture(scope="session")
def _postgres_shelf(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Shelf]:
    shelf = _Shelf(postgres_url, tmp_path_factory.mktemp("shelf"))
    yield shelf
    shelf.drop_all()


class _Shelf:
    """Databases on the PostgreSQL server: emptied and lent again, as making one takes a second on a busy disk."""

    def __init__(self, server: str, data_dir: Path) -> None:
        from sqlalchemy import make_url

        self._server = make_url(server)
        self._data_dir = data_dir
        self._made: list[str] = []
        self._free: list[str] = []

    def make(self) -> str:
        """The URL of a new database without tables."""
        name = f"steward_test_{os.getpid()}_{len(self._made)}"
        with self._connect(None) as tx:
            tx.execute(f'CREATE DATABASE "{name}"')
        self._made.append(name)
        return self._server.set(database=name).render_as_string(hide_password=False)

    def take(self) -> str:
        """The URL of a migrated database with empty tables."""
        from steward.store.database import Database

        if self._free:
            return self._free.pop()
        url = self.make()
        Database.open(url, self._data_dir).close()
        return url

    def give_back(self, url: str) -> None:
        """Empty it for the next test; one that a test holds on to, or has changed the shape of, is not lent again."""
        import psycopg

        from steward.store.migrations import REVISIONS
        from steward.store.schema import metadata

        try:
            with self._connect(url) as tx:
                tx.execute("SET lock_timeout = '2s'")
                if tx.execute("SELECT version_num FROM alembic_version").fetchall() != [(REVISIONS[-1],)]:
                    return
                for table in reversed(metadata.sorted_tables):
                    tx.execute(f'DELETE FROM "{table.name}"')
        except psycopg.Error:
            return
        self._free.append(url)

    def drop_all(self) -> None:
        with self._connect(None) as tx:
            for name in self._made:
                tx.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def _connect(self, url: str | None) -> Any:
        import psycopg

        plain = url or self._server.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(plain.replace("postgresql+psycopg://", "postgresql://"), autocommit=True)
