"""References of FHIR: what they name, at which server, and by which identifier."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from streams.ingest.fhir.json_values import Json, Refused, text

_HISTORY = re.compile(r"/_history/[^/]*$")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/]*)(.*)", re.DOTALL)


class Target(NamedTuple):
    """What a Reference.reference names."""

    written: str
    """Without the version."""
    base: str | None
    """Of a whole address: the server's, as `same_server` compares it."""
    kind: str | None
    """The type of resource, where it says one."""
    logical_id: str

    @property
    def name(self) -> str | None:
        """The resource at its server: `Type/id`."""
        return None if self.kind is None else f"{self.kind}/{self.logical_id}"


def target(reference: object) -> Target | None:
    """Read `Patient/1`, a whole address, `urn:uuid:...` or `#contained`; None where it names nothing."""
    written = text(reference)
    if written is None:
        return None
    written = _HISTORY.sub("", written)
    if written.startswith(("urn:", "#")):
        last = written.rpartition(":")[2].lstrip("#")
        return Target(written, None, None, last) if last else None
    server, path = _split(written)
    steps = [step for step in path.split("/") if step]
    if not steps:
        return None
    base = None if server is None else "/".join([server, *steps[:-2]])
    return Target(written, base, steps[-2] if len(steps) > 1 else None, steps[-1])


def base_of(address: object) -> str | None:
    """Return the server of a resource's whole address; None where it names none."""
    found = target(address)
    return found.base if found is not None else None


def same_server(address: str) -> str:
    """Return the address of a server in the one way in which two are compared."""
    server, path = _split(address)
    return "/".join([server or "", *(step for step in path.split("/") if step)])


def _split(written: str) -> tuple[str | None, str]:
    """Return scheme and host, whose letters' case means nothing, and the path."""
    found = _ADDRESS.fullmatch(written)
    return (found[1].lower(), found[2]) if found else (None, written)


def searched(reference: object, path: str) -> Json | None:
    """Return the Identifier of a conditional reference, `Patient?identifier=system|value`; None where it is none.

    Raises
    ------
    Refused
        When it searches by something else.
    """
    written = text(reference)
    if written is None or written.startswith(("urn:", "#")) or "?" not in written:
        return None
    try:
        asked = parse_qsl(written.partition("?")[2], keep_blank_values=True, max_num_fields=5)
    except ValueError:
        asked = []
    parameter, value = asked[0] if len(asked) == 1 else ("", "")
    system, bar, number = value.partition("|")
    if parameter != "identifier" or not bar or not text(number) or any(sign in number for sign in "|,\\"):
        remedy = "searches otherwise than by one identifier with its system; write Type?identifier=system|value."
        raise Refused(path, remedy)
    return {"system": system, "value": number}
