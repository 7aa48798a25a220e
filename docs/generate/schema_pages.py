"""The JSON documents, from their schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from markdown import table

from kubedrill.base.document import schema_text
from kubedrill.cli.documents import SCHEMAS
from kubedrill.history.report import SCHEMAS as HISTORY_SCHEMAS

REFERENCE = Path(__file__).parents[1] / "reference"


def files() -> dict[str, str]:
    """Return the schemas that come from models: verdict.json's and the command line's."""
    texts = {"verdict.schema.json": schema_text()}
    for name, model in {**SCHEMAS, **HISTORY_SCHEMAS}.items():
        schema = model.model_json_schema(mode="serialization", by_alias=True)
        schema["title"] = schema.pop("description").rstrip(".")
        texts[f"{name}.schema.json"] = json.dumps(schema, indent=2) + "\n"
    return texts


def pages() -> dict[str, str]:
    """Return one page with a section for each schema: the models' and those in the folder."""
    parts = ["# Schemas\n\nDocuments that programs read, each with its JSON schema.\n"]
    texts = {p.name: p.read_text(encoding="utf-8") for p in REFERENCE.glob("*.schema.json")}
    for name, text in sorted((texts | files()).items()):
        parts.append(_document(name, json.loads(text)))
    return {"schemas.md": "\n".join(parts)}


def _document(file: str, schema: dict[str, Any]) -> str:
    name = file.removesuffix(".schema.json")
    lines = [f"## {name}\n\n{schema.get('title', '')}. Schema: [{file}]({file}).\n"]
    if schema.get("description"):
        lines.append(f"{schema['description']}\n")
    lines.append(_fields(schema))
    for key, inner in schema.get("$defs", {}).items():
        if inner.get("properties"):
            lines.append(f"### {name}: {key}\n\n{_fields(inner)}")
    return "\n".join(lines)


def _fields(schema: dict[str, Any]) -> str:
    required = schema.get("required", [])
    rows = [
        (f"`{key}`", _type(field), "yes" if key in required else "no", field.get("description", ""))
        for key, field in schema.get("properties", {}).items()
    ]
    return table(("field", "type", "required", "description"), rows)


def _type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return field["$ref"].rsplit("/", 1)[-1]
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if "anyOf" in field or "oneOf" in field:
        return " or ".join(_type(each) for each in field.get("anyOf", field.get("oneOf", [])))
    kind = field.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array" and isinstance(field.get("items"), dict):
        return f"array of {_type(field['items'])}"
    return str(kind)
