"""The one collection of all tables: `schema` and `report_tables` fill it."""

from __future__ import annotations

from sqlalchemy import MetaData

metadata = MetaData()
