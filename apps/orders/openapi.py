"""The HTTP face as OpenAPI 3.1 describes it.

A test asks every path of a running service and compares.
"""

from __future__ import annotations

from typing import Any

from order import MAX_QUANTITY, MAX_TEXT
from store import MAX_PAGE


def describe() -> dict[str, Any]:
    """Return the whole description."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Orders",
            "version": "1",
            "description": "kubedrill's sample application",
        },
        "paths": {
            "/": {"get": _get("The greeting from the ConfigMap, and who answers", "Greeting")},
            "/orders": {"post": _place(), "get": _list()},
            "/orders/{id}": {"get": _find()},
            "/openapi.json": {"get": _get("This description")},
            "/orders.proto": {"get": _get("The same service over gRPC, port 9090")},
            "/healthz": {"get": _get("200 while the process can answer")},
            "/readyz": {"get": _get("200 while traffic is welcome, else 503 with the reason")},
            "/metrics": {"get": _get("Counters in Prometheus' text format")},
        },
        "components": {"schemas": _schemas()},
    }


def _place() -> dict[str, Any]:
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "minLength": 1, "maxLength": MAX_TEXT},
        "description": (
            "Repeats with the same key land once; the first one's contents count. "
            "Without it, each is new."
        ),
    }
    return {
        "summary": "Write an order; answered once a majority of the queue's servers holds it",
        "parameters": [key],
        "requestBody": {"required": True, "content": _json("NewOrder")},
        "responses": {
            "202": _answer("Durable: it will be stored", "Receipt"),
            "400": _answer("Not an order; all mistakes at once", "Error"),
            "503": _answer("Not written", "Error"),
            "504": _answer("Written or not: repeat it with the same key", "Error"),
        },
    }


def _list() -> dict[str, Any]:
    since = {
        "name": "since",
        "in": "query",
        "schema": {"type": "integer", "minimum": 0, "default": 0},
    }
    limit = {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 100},
    }
    return {
        "summary": "Orders after a position, in the order in which they were stored",
        "parameters": [since, limit],
        "responses": {
            "200": _answer("A page, and the position to go on from", "Page"),
            "400": _answer("A wrong number", "Error"),
            "503": _answer("The database does not answer", "Error"),
        },
    }


def _find() -> dict[str, Any]:
    parameter = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    return {
        "summary": "One order",
        "parameters": [parameter],
        "responses": {
            "200": _answer("It is stored", "Order"),
            "404": _answer("It is not, or not yet", "Error"),
            "503": _answer("The database does not answer", "Error"),
        },
    }


def _get(summary: str, schema: str = "") -> dict[str, Any]:
    return {"summary": summary, "responses": {"200": _answer(summary, schema)}}


def _answer(description: str, schema: str = "") -> dict[str, Any]:
    return {"description": description, **({"content": _json(schema)} if schema else {})}


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _schemas() -> dict[str, Any]:
    text, count = (
        {"type": "string", "maxLength": MAX_TEXT},
        {"type": "integer", "minimum": 1, "maximum": MAX_QUANTITY},
    )
    new = {
        "item": {**text, "minLength": 1},
        "quantity": {**count, "default": 1},
        "reference": {**text, "default": ""},
    }
    stored = {
        "id": {"type": "string", "format": "uuid"},
        "key": text,
        "item": text,
        "quantity": count,
        "reference": text,
        "position": {"type": "integer"},
        "stored_at": {"type": "string", "format": "date-time"},
    }
    receipt = {
        "id": stored["id"],
        "key": text,
        "sequence": {"type": "integer"},
        "duplicate": {"type": "boolean"},
    }
    order = {"$ref": "#/components/schemas/Order"}
    return {
        "NewOrder": {**_object(new, required=("item",)), "additionalProperties": False},
        "Order": _object(stored),
        "Receipt": _object(receipt),
        "Page": _object({"orders": {"type": "array", "items": order}, "next": {"type": "integer"}}),
        "Greeting": _object(
            {name: {"type": "string"} for name in ("greeting", "version", "pod", "node")}
        ),
        "Error": _object(
            {"error": {"type": "string"}, "outcome": {"enum": ["refused", "unknown"]}}, ("error",)
        ),
    }


def _object(properties: dict[str, Any], required: tuple[str, ...] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
    }
