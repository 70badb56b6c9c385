"""The database: a URL in, short transactions out; SQLite in one file, or PostgreSQL."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, exc, make_url, text

from steward.model.errors import ConfigError, Unavailable
from steward.store.migrations import REVISIONS
from steward.store.turn import Turn

if TYPE_CHECKING:
    from steward.store.lake import Lake

_BUSY_S = 30.0
_MIGRATING = 7_306_101                         # names the advisory lock of PostgreSQL
_NOT_OURS = ("password authentication failed", "does not exist", "no pg_hba.conf entry", "permission denied")


class Database:
    """All state that is not a file of the lake. Threads may share one; each open transaction has a connection."""

    def __init__(self, engine: Engine, data_dir: Path, turn: Turn | None) -> None:
        self.dialect = engine.dialect.name     # "sqlite" or "postgresql"
        self.data_dir = data_dir
        self._engine = engine
        self._turn = turn
        self._mine = threading.local()

    @classmethod
    def open(cls, url: str, data_dir: Path) -> Database:
        """Open and, where needed, make or migrate the database; several processes may do so at once.

        Raises:
            ConfigError: the URL is not one of ours, access is refused, or a newer Steward wrote the database.
            Unavailable: the server does not answer, or another process holds the database for too long.
        """
        where = _parse(url)
        _private_folder(data_dir)
        turn = None
        if where.get_backend_name() == "sqlite":
            turn = _sqlite_file(where)
        db = cls(_engine(where, data_dir, _BUSY_S), data_dir, turn)
        try:
            db._bring_up_to_date()
        except BaseException:
            db.close()
            raise
        return db

    @cached_property
    def lake(self) -> Lake:
        """The files whose rows stand in this database."""
        from steward.store.lake import Lake

        return Lake(self.data_dir / "lake")

    @property
    def address(self) -> tuple[str, int, str] | None:
        """Host, port and name of the database; None for a file."""
        where = self._engine.url
        return None if self._turn else (where.host or "localhost", where.port or 5432, where.database or "")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One short write transaction; what raises in it undoes it. Never wait for a vendor within."""
        if getattr(self._mine, "writing", False):
            raise RuntimeError("this thread has a write transaction open already; hand its `tx` on instead")
        with _in_words(self._engine.url), self._in_turn():
            self._mine.writing = True
            try:
                with self._begin("write") as tx:
                    yield tx
            finally:
                self._mine.writing = False

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view of everything; it can write nothing."""
        with _in_words(self._engine.url), self._begin("read") as tx:
            yield tx

    def close(self) -> None:
        """Let go of every connection and of the lock file."""
        try:
            with self._in_turn():              # the last one out folds SQLite's log into the file
                self._engine.dispose()
        finally:
            if self._turn:
                self._turn.close()

    def _in_turn(self) -> AbstractContextManager[None]:
        return self._turn.take(_BUSY_S) if self._turn else nullcontext()

    @contextmanager
    def _begin(self, mode: str) -> Iterator[Connection]:
        with self._engine.connect() as connection:
            connection.execution_options(steward_mode=mode)
            with connection.begin():
                yield connection

    def _bring_up_to_date(self) -> None:
        with _in_words(self._engine.url, opening=True):
            with self._begin("read") as tx:
                if _is_current(tx):
                    return
            with self._in_turn():
                self._migrate()

    def _migrate(self) -> None:
        from steward.store.migrations import upgrade

        if self.dialect == "sqlite":
            with self._engine.connect() as connection:  # outside a transaction; the file remembers it
                connection.connection.cursor().execute("PRAGMA journal_mode=WAL").fetchone()
        with self._begin("write") as tx:
            if self.dialect == "postgresql":
                tx.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATING})
            if not _is_current(tx):            # another process may have been faster
                upgrade(tx)


def alone(tx: Connection, purpose: str) -> None:
    """Wait until no other open transaction is `alone` for the same `purpose`; SQLite has one writer anyway."""
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(hashtext(:purpose))"), {"purpose": f"steward {purpose}"})


def _parse(url: str) -> URL:
    try:
        where = make_url(url)
    except exc.ArgumentError:
        raise ConfigError(
            'store.url is not a database URL. Write "sqlite:////path/steward.db" or "postgresql://user:…@host/name"'
        ) from None
    if where.drivername in ("postgresql", "postgres"):
        return where.set(drivername="postgresql+psycopg")
    if where.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ConfigError(f'store.url asks for "{where.drivername}". Steward keeps its state in sqlite or postgresql')
    if where.get_backend_name() == "sqlite" and where.database in (None, "", ":memory:"):
        raise ConfigError('store.url names no file. Write "sqlite:////path/steward.db"')
    return where


def _private_folder(folder: Path) -> None:
    """What customers told us is nobody else's: the folder is made 0700."""
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, mode=0o700, exist_ok=True)    # another process may have been faster
    except OSError as error:
        raise ConfigError(f'the data directory "{folder}" cannot be made: {error.strerror}') from None


def _sqlite_file(where: URL) -> Turn:
    path = Path(str(where.database))
    try:
        _private_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite gives its log the same mode
        return Turn(path.with_name(path.name + ".lock"))
    except OSError as error:
        raise ConfigError(f'the database "{path}" cannot be opened: {error.strerror}') from None


def _engine(where: URL, data_dir: Path, busy_s: float) -> Engine:
    options: dict[str, Any] = {"hide_parameters": True, "execution_options": {"steward_data_dir": data_dir}}
    if where.get_backend_name() == "sqlite":
        engine = create_engine(where, connect_args={"timeout": busy_s}, pool_size=8, max_overflow=32, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if "connect_timeout" not in where.query:
        where = where.update_query_dict({"connect_timeout": "10"})
    engine = create_engine(
        where, connect_args={"application_name": "steward"}, pool_size=8, max_overflow=32, pool_pre_ping=True, **options
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None          # we say BEGIN ourselves: sqlite3 would not before DDL or SELECT
    cursor = connection.cursor()
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "temp_store=MEMORY", "cache_size=-32000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("steward_mode") == "write"
    connection.exec_driver_sql(f"PRAGMA query_only={'OFF' if writes else 'ON'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get("steward_mode") != "write":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def _is_current(tx: Connection) -> bool:
    """True when nothing is to migrate; False when something is.

    Raises:
        ConfigError: the database is of a shape that this version does not know.
    """
    if not tx.dialect.has_table(tx, "alembic_version"):
        return False
    found = tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if found is None or found in REVISIONS[:-1]:
        return False
    if found == REVISIONS[-1]:
        return True
    raise ConfigError(
        f'a newer Steward wrote this database: it is of revision "{found}", this version knows up to '
        f'"{REVISIONS[-1]}". Install the newer Steward, or point store.url at another database'
    )


@contextmanager
def _in_words(where: URL, opening: bool = False) -> Iterator[None]:
    """What the driver raises, as one of our errors; never with the password."""
    try:
        yield
    except exc.TimeoutError:
        raise Unavailable("all connections to the database are in use; try again") from None
    except exc.DatabaseError as error:
        said = str(error.orig).strip().splitlines()[0] if str(error.orig).strip() else "no reason given"
        if where.password:
            said = said.replace(str(where.password), "***")
        place = where.set(password=None, query={}).render_as_string()
        if opening and (where.get_backend_name() == "sqlite" or any(words in said for words in _NOT_OURS)):
            raise ConfigError(f'the database "{place}" cannot be used: {said}. Correct store.url') from None
        if isinstance(error, exc.OperationalError) and (opening or _may_work_later(error)):
            raise Unavailable(f'the database "{place}" does not answer: {said}') from None
        raise


def _may_work_later(error: exc.OperationalError) -> bool:
    """A cut line, a deadlock, a full disk, a lock held too long: undone, and worth another try."""
    state = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated or (state or "")[:2] in ("08", "40", "53", "57"):
        return True
    said = str(error.orig)
    return any(words in said for words in ("locked", "busy", "disk is full", "disk I/O error", "connection"))
