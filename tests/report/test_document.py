"""The schema: a validator of 30 lines that knows nothing of msgspec reads the JSON Schema, and the page in docs/definitions
is compared with it field by field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from perpscope.core.errors import DataError
from perpscope.report.document import VERSION, from_json, schema, to_json
from report.handmade import document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "definitions" / "report.md"
KINDS = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "array": list,
}


def faults(value: Any, rule: dict[str, Any], whole: dict[str, Any], where: str = "$") -> list[str]:
    """What is wrong with a value under a JSON Schema of the kinds that appear here."""
    if "$ref" in rule:
        return faults(value, whole["$defs"][rule["$ref"].rsplit("/", 1)[1]], whole, where)
    if "anyOf" in rule:
        tried = [faults(value, r, whole, where) for r in rule["anyOf"]]
        return [] if any(not t for t in tried) else min(tried, key=len)
    wanted = rule.get("type")
    kinds = [wanted] if isinstance(wanted, str) else wanted or []
    fits = any(isinstance(value, KINDS[k]) and (k == "boolean" or not isinstance(value, bool)) for k in kinds)
    if kinds and not fits:
        return [f"{where}: {value!r} is no {kinds}"]
    found: list[str] = []
    if isinstance(value, dict):
        properties = rule.get("properties", {})
        found += [f"{where}: {name} is missing" for name in rule.get("required", []) if name not in value]
        for name, item in value.items():
            below = properties.get(name, rule.get("additionalProperties", True))
            if below is False:
                found.append(f"{where}: {name} is unknown")
            elif isinstance(below, dict):
                found += faults(item, below, whole, f"{where}.{name}")
    if isinstance(value, list) and isinstance(rule.get("items"), dict):
        for i, item in enumerate(value):
            found += faults(item, rule["items"], whole, f"{where}[{i}]")
    return found


def test_a_report_obeys_its_published_schema() -> None:
    assert faults(json.loads(to_json(document())), schema(), schema()) == []


def test_the_schema_refuses_a_field_that_is_missing_unknown_or_of_another_kind() -> None:
    good = json.loads(to_json(document()))
    assert faults({k: v for k, v in good.items() if k != "price"}, schema(), schema())
    assert faults({**good, "tip": "buy"}, schema(), schema())
    assert faults({**good, "price": {**good["price"], "last": "54000"}}, schema(), schema())


def test_reading_a_report_back_gives_the_same_bytes() -> None:
    data = to_json(document())
    assert to_json(from_json(data)) == data


def test_keys_are_sorted_so_that_two_reports_can_be_compared_line_by_line() -> None:
    def check(value: Any) -> None:
        if isinstance(value, dict):
            assert list(value) == sorted(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            check(item)

    check(json.loads(to_json(document())))


def test_another_schema_version_or_other_json_is_refused() -> None:
    other = json.loads(to_json(document()))
    other["meta"]["schema_version"] = VERSION + 1
    with pytest.raises(DataError, match=f"schema version {VERSION + 1}"):
        from_json(json.dumps(other).encode())
    with pytest.raises(DataError, match="no report"):
        from_json(b'{"a": 1}')


def test_every_field_of_the_schema_is_documented_and_no_other() -> None:
    page = PAGE.read_text()
    records = {name: set(rule["properties"]) for name, rule in schema()["$defs"].items() if isinstance(rule, dict)}
    told: dict[str, set[str]] = {}
    for block in re.split(r"^### ", page, flags=re.M)[1:]:
        title = block.split("\n", 1)[0].strip().strip("`")
        told[title] = set(re.findall(r"^\| `(\w+)` \|", block, flags=re.M))
    assert told == records


def test_the_page_names_the_current_schema_version() -> None:
    assert f"Schema version **{VERSION}**" in PAGE.read_text()
