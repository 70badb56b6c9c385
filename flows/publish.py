"""Write the day down for reports; bring Tableau and Power BI up to date."""

from __future__ import annotations

from dataclasses import asdict

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.artifact import summarise
from flows.hub import with_hub
from steward import reports


@flow(name="tabulate", flow_run_name="tabulate-the-day", log_prints=False)
async def tabulate() -> State[dict[str, int]]:
    """Bring the tables and views that reports read up to date. Safe to run twice: a day is written once."""
    done = await with_hub(reports.tabulate)
    counts = {"days": done.days, "account days": done.account_days, "accounts": done.accounts, "people": done.people}
    await summarise("tabulate", "What was written down for reports", [counts])
    return Completed(message=f"{done.account_days} account days written", data=counts)


@flow(name="publish", flow_run_name="publish-tables", log_prints=False)
async def publish() -> State[dict[str, int]]:
    """Publish what is due, and what still waits. Safe to run twice, late, or beside itself: a period has its keys."""
    if not await with_hub(lambda hub: bool(hub.settings.publish)):
        return Completed(message="nothing is published: steward.yaml has no `publish`")
    queued, done = await with_hub(reports.publish)
    rows = [{"connection": name, "table": table or "a refresh", "rows": count}
            for name, tables in queued.queued.items() for table, count in tables.items()]
    await summarise("publish", "What was published", rows)
    counts = {name: count for name, count in asdict(done).items() if isinstance(count, int)}
    return Completed(message=f"{done.delivered} delivered, {done.failed} failed, {done.unknown} unknown", data=counts)
