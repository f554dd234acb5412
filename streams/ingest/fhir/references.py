"""References of FHIR: type, id and server of the resource, or the identifier searched for."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl

from schemas.errors import InvalidInput
from streams.ingest.fhir.json_values import Json, text

_HISTORY = re.compile(r"/_history/[^/]*$")
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://[^/]*)(.*)", re.DOTALL)


class Target(NamedTuple):
    """The resource to which a Reference.reference points."""

    written: str
    """The reference without its version."""
    base: str | None
    """Of an absolute URL: the server's, as `same_server` writes it."""
    kind: str | None
    """The type of resource, where the reference has one."""
    logical_id: str

    @property
    def name(self) -> str | None:
        """`Type/id`, the name of the resource at its server."""
        return None if self.kind is None else f"{self.kind}/{self.logical_id}"


def target(reference: object) -> Target | None:
    """Parse `Patient/1`, an absolute URL, `urn:uuid:...` or `#contained`; return None where it has no id."""
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
    """Return the server in a resource's absolute URL, or None where there is no server."""
    found = target(address)
    return found.base if found is not None else None


def same_server(address: str) -> str:
    """Return the address of a server in canonical form, for comparison."""
    server, path = _split(address)
    return "/".join([server or "", *(step for step in path.split("/") if step)])


def _split(written: str) -> tuple[str | None, str]:
    """Return scheme and host in lower case, and the path."""
    found = _ADDRESS.fullmatch(written)
    return (found[1].lower(), found[2]) if found else (None, written)


def searched(reference: object, path: str) -> Json | None:
    """Return the Identifier in a conditional reference, `Patient?identifier=system|value`; None for other references.

    Raises
    ------
    InvalidInput
        When it searches by anything else.
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
        raise InvalidInput(
            path, "an unsupported search. Search by one identifier with its system: Type?identifier=system|value."
        )
    return {"system": system, "value": number}
