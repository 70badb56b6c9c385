"""Who at Gainsight gets or has done something, and for which company."""

from __future__ import annotations

from connectors.gainsight.client import Client, Row
from connectors.gainsight.settings import GainsightSettings
from steward.kit.reading import text
from steward.model.errors import RecordRejected


class People:
    """Looks up companies and users before something is written for them."""

    def __init__(self, client: Client, settings: GainsightSettings) -> None:
        self._client, self._settings = client, settings

    def company(self, gsid: str) -> Row:
        """The company.

        Raises:
            RecordRejected: there is none; it may be deleted or merged away.
        """
        rows = self._client.rows("Company", ("Gsid", "Name", "Csm"), [("Gsid", "EQ", [gsid])], {"Gsid": "asc"}, 1)
        if not rows:
            raise RecordRejected(
                f'gainsight: there is no company "{gsid[:60]}"; it may be deleted or merged away. Sync the connection '
                "and try again.", "account_external_id")
        return rows[0]

    def owner(self, email: str | None, company: Row) -> str:
        """The Gsid of the user with that address, else of the company's CSM, else of `default_owner`.

        Raises:
            RecordRejected: there is nobody; Gainsight wants an owner.
        """
        found = self._active(email) if email else ""
        csm = text(company.get("Csm"))
        owner = found or csm or (self._active(self._settings.default_owner) if self._settings.default_owner else "")
        if not owner:
            raise RecordRejected(
                f'gainsight: no active user has the e-mail "{email or ""}", and the company has no CSM. Give it one, '
                "or set default_owner of the connection in steward.yaml.", "owner")
        return owner

    def author(self, email: str | None) -> str:
        """The address of the user who has done something: theirs, else `default_owner`.

        Raises:
            RecordRejected: neither is a user; Gainsight wants an author.
        """
        for each in (email, self._settings.default_owner):
            if each and self._active(each):
                return each
        raise RecordRejected(
            f'gainsight: no active user has the e-mail "{email or ""}", and an activity needs an author. Set '
            "default_owner of the connection in steward.yaml.", "owner_email")

    def _active(self, email: str) -> str:
        rows = self._client.rows(
            "gsuser", ("Gsid", "Email", "IsActiveUser"), [("Email", "EQ", [email])], {"Gsid": "asc"}, 5)
        active = [row for row in rows if row.get("IsActiveUser") is not False and text(row.get("Gsid"))]
        return text(active[0]["Gsid"]) if active else ""
