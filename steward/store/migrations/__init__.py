"""The steps from one shape of the database to the next; `REVISIONS` lists them, oldest first.

The list stands here so that opening a database of today's shape needs no Alembic. A test holds it against `versions/`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

REVISIONS = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010")


def upgrade(connection: Connection) -> None:
    """Bring the database behind `connection` to the newest shape, within its open transaction."""
    from pathlib import Path

    from alembic import command
    from alembic.config import Config

    from steward.store import reporting_views

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    with reporting_views.out_of_the_way(connection):
        command.upgrade(config, "head")
