"""Text of a dead letter without what may name a person. Pure.

Only fields that are known to hold no name are shown: the kind of message, its ids and times, class and place. All
others are dots; so are the fields of a message that this code does not know.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from schemas import events

HIDDEN = "•••"
MAX_SHOWN = 20_000
"""Characters of the text."""

MAX_VALUE = 120
"""Characters of one value; longer ones are hidden."""

SHOWN_FIELDS: dict[str, frozenset[int]] = {
    "MSH": frozenset(range(1, 13)) - {8},
    "EVN": frozenset({1, 2, 3, 6, 7}),
    "PV1": frozenset({1, 2, 3, 4, 6, 10, 11, 18, 19, 36, 42, 44, 45}),
    "PV2": frozenset({8, 9}),
    "ZBE": frozenset({1, 2, 3, 4, 5, 6}),
}
"""HL7 v2 fields that name no person, by segment."""


def _field_names() -> frozenset[str]:
    structs = [each for each in vars(events).values() if isinstance(each, type) and issubclass(each, msgspec.Struct)]
    names = {field.encode_name for struct in structs for field in msgspec.structs.fields(struct)}
    return frozenset(names | {"specversion", "type"}) - {"reason", "partitionkey"}


SHOWN_KEYS = _field_names() | {
    # FHIR
    "resourceType",
    "class",
    "code",
    "system",
    "start",
    "end",
    "period",
    "entry",
    "resource",
    "meta",
    "lastUpdated",
    "versionId",
    "location",
    "status",
    "hospitalization",
}
"""Names of JSON fields whose values name no person."""


def letter_text(raw: bytes) -> str:
    r"""Return what can be shown of a rejected record.

    Examples
    --------
    >>> print(letter_text(b"MSH|^~&|HIS|NORTH|||20260101||ADT^A01|7|P|2.5\rPID|1||42^^^NORTH||Doe^Jane"))
    MSH|^~&|HIS|NORTH|||20260101||ADT^A01|7|P|2.5
    PID|•••|•••|•••
    >>> letter_text(b'{"subject": "E1", "nurse": "Ada"}')
    '{\n  "subject": "E1",\n  "nurse": "•••"\n}'
    >>> letter_text(b"hello")
    '5 bytes that are neither HL7 nor JSON. They are not shown, since they may name a person.'
    """
    text = raw.decode("utf-8", errors="replace").strip("\x0b\x1c\r\n ")
    if text.startswith("MSH") and len(text) > 3:
        shown = "\n".join(_segment(line, text[3]) for line in text.replace("\n", "\r").split("\r") if line)
    else:
        try:
            shown = json.dumps(_hidden(json.loads(text)), indent=2, ensure_ascii=False)
        except (ValueError, RecursionError):
            return (
                f"{len(raw):,} bytes that are neither HL7 nor JSON. They are not shown, since they may name a person."
            )
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}\n… and more"


def _segment(line: str, separator: str) -> str:
    name, *fields = line.split(separator)
    known = SHOWN_FIELDS.get(name)
    if name == "MSH":  # MSH-1 is the separator itself
        fields = ["", *fields]
    shown = [
        field if not field or (known and number in known and len(field) <= MAX_VALUE) else HIDDEN
        for number, field in enumerate(fields, start=1)
    ]
    if name == "MSH":
        return separator.join([name, *shown[1:]])
    if known is None:
        shown = [field for field in shown if field]
        name = name if name.isalnum() and len(name) == 3 else HIDDEN
    return separator.join([name, *shown])


def _hidden(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {
            name if name in SHOWN_KEYS or _is_name(name) else HIDDEN: _hidden(each, name)
            for name, each in value.items()
        }
    if isinstance(value, list):
        return [_hidden(each, key) for each in value]
    if value is None or isinstance(value, bool):
        return value
    return value if key in SHOWN_KEYS and len(str(value)) <= MAX_VALUE else HIDDEN


def _is_name(key: str) -> bool:
    """Return whether a key is a field's name rather than a value that came into its place."""
    return key.isascii() and key.isidentifier() and len(key) <= 40
