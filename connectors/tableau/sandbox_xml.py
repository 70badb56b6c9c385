"""Tableau's answers in XML, shaped as its client library has them recorded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from steward.kit.sandbox import Reply

_NAMESPACE = "http://tableau.com/api"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"


def reply(child: Element | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A whole answer around `child`."""
    return several([] if child is None else [child], status, headers)


def several(children: list[Element], status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    root = Element("tsResponse", {
        "xmlns": _NAMESPACE, "xmlns:xsi": _INSTANCE,
        "xsi:schemaLocation": f"{_NAMESPACE} https://help.tableau.com/samples/en-us/rest_api/ts-api_3_21.xsd"})
    root.extend(children)
    body = b"<?xml version='1.0' encoding='UTF-8'?>" + tostring(root, encoding="utf-8")
    return Reply(status, body, headers or {}, "application/xml;charset=utf-8")


def error(code: str, summary: str, detail: str) -> Element:
    found = Element("error", {"code": code})
    SubElement(found, "summary").text = summary
    SubElement(found, "detail").text = detail
    return found


def credentials(token: str, site: tuple[str, str], user_id: str) -> Element:
    found = Element("credentials", {"token": token})
    SubElement(found, "site", {"id": site[0], "contentUrl": site[1]})
    SubElement(found, "user", {"id": user_id})
    return found


def pagination(number: int, size: int, total: int) -> Element:
    return Element("pagination", {"pageNumber": str(number), "pageSize": str(size), "totalAvailable": str(total)})


def project(found: Mapping[str, str]) -> Element:
    told = {name: found[name] for name in ("id", "name", "description", "contentPermissions")}
    element = Element("project", told | ({"parentProjectId": found["parent"]} if found.get("parent") else {}))
    SubElement(element, "owner", {"id": found["owner"]})
    return element


def datasource(found: Mapping[str, Any], project_name: str) -> Element:
    element = Element("datasource", {
        "id": found["id"], "name": found["name"], "contentUrl": found["name"].replace(" ", ""),
        "description": found["description"], "type": "hyper", "createdAt": instant(found["created_at"]),
        "updatedAt": instant(found["updated_at"]), "encryptExtracts": "false", "hasExtracts": "true",
        "useRemoteQueryAgent": "false", "webpageUrl": f"https://tableau.test/#/datasources/{found['id']}"})
    SubElement(element, "project", {"id": found["project"], "name": project_name})
    SubElement(element, "owner", {"id": found["owner"]})
    SubElement(element, "tags")
    return element


def job(found: Mapping[str, Any], source: Mapping[str, str]) -> Element:
    element = Element("job", {
        "id": found["id"], "mode": "Asynchronous", "type": "UpdateUploadedFile", "createdAt": instant(found["at"])})
    if found["done"]:
        element.attrib.update(progress="100", startedAt=instant(found["at"]), completedAt=instant(found["at"]),
                              finishCode=str(found["code"]))
    inner = SubElement(element, "updateUploadedFileJob")
    SubElement(inner, "datasource", {"id": source["id"], "name": source["name"]})
    SubElement(inner, "connectionLuid").text = source["connection"]
    if found["notes"]:
        SubElement(inner, "notes").text = found["notes"]
    return element


def file_upload(upload_id: str, size_mb: int) -> Element:
    return Element("fileUpload", {"uploadSessionId": upload_id, "fileSize": str(size_mb)})


def server_info() -> Element:
    found = Element("serverInfo")
    SubElement(found, "productVersion", {"build": "20233.24.0312.1831"}).text = "2023.3.4"
    SubElement(found, "restApiVersion").text = "3.21"
    return found


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
