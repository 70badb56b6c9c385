"""Opening, migrating and sharing the database."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from steward.model.errors import ConfigError, Unavailable
from steward.store import migrations
from steward.store.database import Database, alone
from steward.store.schema import metadata
from steward.store.turn import Turn

ADD = text("INSERT INTO account (id, name, created_at) VALUES (:id, 'Acme', 'x')")
COUNT = text("SELECT count(*) FROM account")


def test_what_raises_in_a_transaction_undoes_it(database: Database) -> None:
    """Half a page of records must never be seen."""
    with database.write() as tx:
        tx.execute(ADD, {"id": "kept"})
    with suppress(ZeroDivisionError), database.write() as tx:
        tx.execute(ADD, {"id": "lost"})
        _ = 1 / 0

    with database.read() as tx:
        assert tx.scalar(COUNT) == 1


def test_a_read_cannot_write(database: Database) -> None:
    """A question that changes the store would do so outside every promise."""
    with pytest.raises(DBAPIError), database.read() as tx:
        tx.execute(ADD, {"id": "a"})


def test_a_read_sees_one_moment(database: Database) -> None:
    """A report whose parts are of different moments does not add up."""
    with database.read() as reading:
        before = reading.scalar(COUNT)
        with database.write() as tx:
            tx.execute(ADD, {"id": "a"})
        after = reading.scalar(COUNT)

    assert (before, after) == (0, 0)


def test_a_write_within_a_write_is_a_mistake_in_our_code(database: Database) -> None:
    """It would wait for itself for ever."""
    with database.write(), pytest.raises(RuntimeError, match="hand its `tx` on"), database.write():
        pass


def test_many_threads_write_and_nothing_is_lost(database: Database) -> None:
    """The receiver, the flows and a person write at the same time."""
    def add(worker: int) -> None:
        for number in range(10):
            with database.write() as tx:
                tx.execute(ADD, {"id": f"{worker}/{number}"})

    threads = [threading.Thread(target=add, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with database.read() as tx:
        assert tx.scalar(COUNT) == 60


def test_alone_makes_the_second_wait(database: Database) -> None:
    """Two syncs that match accounts at once would make two accounts of one company."""
    order: list[str] = []
    inside, go = threading.Event(), threading.Event()

    def first() -> None:
        with database.write() as tx:
            alone(tx, "identity")
            inside.set()
            go.wait(10)
            order.append("first")

    def second() -> None:
        inside.wait(10)
        go.set()
        with database.write() as tx:
            alone(tx, "identity")
            order.append("second")

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert order == ["first", "second"]


def test_the_migrated_database_is_what_the_schema_says(database: Database) -> None:
    """Otherwise a fresh install and an upgraded one are two products."""
    with database.read() as tx:
        context = MigrationContext.configure(tx, opts={"compare_type": True, "compare_server_default": True})
        found = compare_metadata(context, metadata)

    assert found == []


def test_what_was_open_before_an_upgrade_is_looked_at_after_it(empty_url: str, tmp_path: Path) -> None:
    """Who waited at a gate as Steward was upgraded must not wait there for ever."""
    done = subprocess.run([sys.executable, "-c", (
        "import sys; from pathlib import Path; from alembic import command; from steward.store import database\n"
        "whole = command.upgrade\n"
        "command.upgrade = lambda config, to: whole(config, '0002')\n"
        "db = database.Database.open(sys.argv[1], Path(sys.argv[2]))\n"
        "with db.write() as tx:\n"
        "    for number, state in enumerate(('blocked', 'closed'), 1):\n"
        "        tx.exec_driver_sql(\"INSERT INTO enrollment (id, playbook_id, version, account_id, number, state, since, \"\n"
        "            f\"looked_at, reason, arm, step, rung, body) VALUES ('e{number}', 'p', 'v', 'a', {number}, '{state}', \"\n"
        "            \"'2026-11-02', '2026-11-03', '', 'treatment', 0, 0, '{}')\")\n"
        "db.close()"), empty_url, str(tmp_path / "data")], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

    opened = Database.open(empty_url, tmp_path / "data")
    with opened.read() as tx:
        assert [tuple(row) for row in tx.execute(text("SELECT id, wake_at FROM enrollment ORDER BY id"))] == [
            ("e1", "2026-11-02"), ("e2", None)]
    opened.close()


def test_the_list_of_revisions_is_the_folder() -> None:
    """Opening looks at the list only; a step that is not in it would never be taken."""
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    steps = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert tuple(reversed(steps)) == migrations.REVISIONS


def test_a_database_of_a_newer_version_is_refused_and_left_alone(database_url: str, tmp_path: Path) -> None:
    """An old program that writes into a new shape destroys what it does not understand."""
    first = Database.open(database_url, tmp_path / "data")
    with first.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    first.close()

    with pytest.raises(ConfigError, match=r'of revision "9999", this version knows up to .* Install the newer Steward'):
        Database.open(database_url, tmp_path / "data")


def test_an_open_of_a_current_database_needs_no_alembic(database_url: str, tmp_path: Path) -> None:
    """Every command of the CLI opens the store; half a second each would be felt."""
    code = ("import sys; from pathlib import Path; from steward.store.database import Database; "
            "Database.open(sys.argv[1], Path(sys.argv[2])).close(); print('alembic' in sys.modules)")

    done = subprocess.run([sys.executable, "-c", code, database_url, str(tmp_path)], capture_output=True, text=True,
                          check=True)

    assert done.stdout.strip() == "False"


def test_processes_that_open_an_empty_database_at_once_migrate_it_once(empty_url: str, tmp_path: Path) -> None:
    """Flows, the CLI and the server start together after an upgrade."""
    code = ("import sys; from pathlib import Path; from steward.store.database import Database; "
            "sys.stdin.readline(); Database.open(sys.argv[1], Path(sys.argv[2])).close()")
    started = [subprocess.Popen([sys.executable, "-c", code, empty_url, str(tmp_path / "data")], stdin=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in started]

    assert [process.returncode for process in started] == [0, 0], said
    opened = Database.open(empty_url, tmp_path / "data")
    with opened.read() as tx:
        assert tx.scalar(text("SELECT count(*) FROM alembic_version")) == 1
    opened.close()


def test_a_migration_that_dies_leaves_nothing_half_done(empty_url: str, tmp_path: Path) -> None:
    """The next start must find the old shape or the new one."""
    code = ("import os, sys; from pathlib import Path; from steward.store import database, migrations\n"
            "def dying(tx, whole=migrations.upgrade):\n"
            "    whole(tx); os._exit(9)\n"
            "migrations.upgrade = dying\n"
            "database.Database.open(sys.argv[1], Path(sys.argv[2]))")
    done = subprocess.run([sys.executable, "-c", code, empty_url, str(tmp_path / "data")], check=False)
    assert done.returncode == 9

    opened = Database.open(empty_url, tmp_path / "data")
    with opened.read() as tx:
        assert tx.scalar(COUNT) == 0
    opened.close()


@pytest.mark.parametrize(("url", "says"), [
    ("mysql://root:hunter2@db/steward", 'store.url asks for "mysql"'),
    ("sqlite://", "names no file"),
    ("no url at all", "is not a database URL"),
])
def test_a_url_we_cannot_use_is_refused_in_words(url: str, says: str, tmp_path: Path) -> None:
    """The operator sees what to write, and no password on the screen."""
    with pytest.raises(ConfigError, match=says) as caught:
        Database.open(url, tmp_path)

    assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path, closed_port: int) -> None:
    """The password in the URL must not reach the log with the error."""
    with pytest.raises(Unavailable, match="does not answer") as caught:
        Database.open(f"postgresql://steward:hunter2@127.0.0.1:{closed_port}/steward", tmp_path)

    assert "hunter2" not in str(caught.value)
    assert str(closed_port) in str(caught.value)


@pytest.mark.postgres
def test_a_database_that_is_not_there_is_the_operators_to_mend(postgres_url: str, tmp_path: Path) -> None:
    """Trying again would not help: it has to be made, or named rightly."""
    url = postgres_url.rsplit("/", 1)[0] + "/nowhere"

    with pytest.raises(ConfigError, match='database "nowhere" does not exist'):
        Database.open(url, tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """It may be somebody's spreadsheet; it is not touched."""
    path = tmp_path / "steward.db"
    path.write_bytes(b"account,arr\n" * 500)

    with pytest.raises(ConfigError, match="file is not a database"):
        Database.open(f"sqlite:///{path}", tmp_path)
    assert path.read_bytes().startswith(b"account,arr")


def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    """They hold what customers told us."""
    db = Database.open(f"sqlite:///{tmp_path / 'data' / 'steward.db'}", tmp_path / "data")
    with db.write() as tx:
        tx.execute(ADD, {"id": "a"})
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    db.close()

    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert modes == dict.fromkeys(("steward.db", "steward.db-wal", "steward.db-shm", "steward.db.lock"), 0o600)


def test_a_write_is_on_the_disk_before_it_is_said_to_be(tmp_path: Path) -> None:
    """WAL with synchronous=NORMAL forgets acknowledged webhooks when the power is cut."""
    db = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path)
    with db.write() as tx:
        settings = [tx.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]
    db.close()

    assert settings == ["wal", 2]


def test_an_error_of_the_database_names_no_values(database: Database) -> None:
    """Errors are logged, and values are names and addresses of people."""
    with database.write() as tx:
        tx.execute(ADD, {"id": "jane@acme.com"})

    with pytest.raises(IntegrityError) as caught, database.write() as tx:
        tx.execute(ADD, {"id": "jane@acme.com"})
    assert "parameters hidden" in str(caught.value)


def test_a_turn_held_for_too_long_is_said_in_words(tmp_path: Path) -> None:
    """A stuck process must not make all others hang without a word."""
    mine, other = Turn(tmp_path / "db.lock"), Turn(tmp_path / "db.lock")

    with mine.take(1), pytest.raises(Unavailable, match="was held by another process"), other.take(0.05):
        pass
    with other.take(1):
        pass
    mine.close()
    other.close()


def test_a_process_that_dies_gives_its_turn_back(tmp_path: Path) -> None:
    """kill -9 of a writer must not stop all others."""
    path = tmp_path / "db.lock"
    code = ("import sys; from pathlib import Path; from steward.store.turn import Turn\n"
            "with Turn(Path(sys.argv[1])).take(1):\n    print('mine', flush=True); sys.stdin.read()")
    holder = subprocess.Popen([sys.executable, "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout
    assert holder.stdout.readline() == b"mine\n"
    holder.kill()
    holder.communicate()

    mine = Turn(path)
    with mine.take(1):
        pass
    mine.close()


def test_two_processes_write_one_file_and_it_stays_whole(tmp_path: Path) -> None:
    """SQLite before 3.51.3 can corrupt a file when one writes while another folds its log in."""
    url = f"sqlite:///{tmp_path / 'steward.db'}"
    Database.open(url, tmp_path).close()
    code = ("import sys; from pathlib import Path; from sqlalchemy import text; "
            "from steward.store.database import Database\n"
            "for round in range(3):\n"
            "    db = Database.open(sys.argv[1], Path(sys.argv[2]))\n"
            "    for number in range(15):\n"
            "        with db.write() as tx:\n"
            "            tx.execute(text('INSERT INTO account (id, name, created_at) VALUES (:i, :n, 1)'),\n"
            "                       {'i': f'{sys.argv[3]}/{round}/{number}', 'n': 'x' * 20000})\n"
            "    db.close()")
    writers = [subprocess.Popen([sys.executable, "-c", code, url, str(tmp_path), str(n)]) for n in range(2)]

    assert [writer.wait() for writer in writers] == [0, 0]
    engine = create_engine(url)
    with engine.connect() as tx:
        assert tx.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert tx.scalar(COUNT) == 90
    engine.dispose()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A typo in `data_dir` is the operator's to mend."""
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="data directory"):
        Database.open(f"sqlite:///{tmp_path}/steward.db", tmp_path / "file" / "data")
    assert os.listdir(tmp_path) == ["file"]
