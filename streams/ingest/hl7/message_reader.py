"""From one HL7 v2 message to its facts, or to the reason why it is rejected."""

from __future__ import annotations

from schemas.errors import InvalidInput, NotHl7
from streams.ingest.hl7.fields import field_reader
from streams.ingest.hl7.header import Header, header_of, read_header
from streams.ingest.hl7.mapping import Hl7Mapping
from streams.ingest.hl7.message import Hl7Message, parse_message
from streams.ingest.hl7.movements import trigger_of_movement
from streams.ingest.hl7.observations import FIELDS as OBSERVATION_FIELDS
from streams.ingest.hl7.observations import observations
from streams.ingest.hl7.triggers import OF_SEVERAL, TRIGGERS
from streams.ingest.reading import InputProblem, Reading, problem_of, require_valid

RESULTS = "R01"
"""Trigger of unsolicited results (ORU)."""

NOT_SUPPORTED = {
    "A24": "it links two patients, and a link is not a merge. Send an A40 if both numbers belong to one person",
    "A29": "it deletes a person. Delete the visits with A23, or merge the number into the right one with A40",
    "A43": "it moves a number to another patient. Send an A40 if both are one person, else send the visit's facts "
    "for the right patient",
}
"""Triggers about stays or patients that have no fact yet: what they do, and what to send instead."""


class Hl7Reading(Reading, frozen=True):
    """Result of reading one HL7 v2 message."""

    control_id: str | None = None
    """MSH-10."""
    trigger: str | None = None
    """MSH-9.2."""
    header: Header = Header()
    """For the acknowledgement; empty where it cannot be read."""


def read_message(raw: bytes, mapping: Hl7Mapping, pseudonym_key: bytes) -> Hl7Reading:
    """Read one message.

    Parameters
    ----------
    raw : bytes
        As received.
    mapping : Hl7Mapping
        Of this feed.
    pseudonym_key : bytes
        Turns patient numbers into tokens; see `schemas.pseudonyms`.

    Returns
    -------
    Hl7Reading
        With facts, or with one problem; of an A20 with several beds with both, where some of them can be read.

    Raises
    ------
    NotHl7
        When the bytes are not an HL7 v2 message.
    """
    try:
        message = parse_message(raw, _further(mapping))
        is_oru = message.get("MSH", 9) == "ORU"
        if is_oru:  # results are parsed in these messages only
            message = parse_message(raw, [*_further(mapping), *OBSERVATION_FIELDS])
        header = header_of(message, raw)
    except NotHl7:
        raise
    except InvalidInput as error:
        return Hl7Reading(problems=(problem_of(error),), header=read_header(raw))
    control_id = trigger = None
    try:
        control_id = message.get("MSH", 10) or None
        trigger = _trigger(message)
        make = observations if is_oru else TRIGGERS.get(trigger_of_movement(message, trigger))
        if make is None:
            raise InvalidInput("MSH-9.2", _why_not(trigger))
        if trigger not in OF_SEVERAL:
            _require_one_patient(message)
        made = make(field_reader(message, mapping, pseudonym_key, raw))
        facts = tuple(require_valid(each, "MSH") for each in made if not isinstance(each, InputProblem))
        problems = tuple(each for each in made if isinstance(each, InputProblem))
        return Hl7Reading(facts, problems, control_id=control_id, trigger=trigger, header=header)
    except InvalidInput as error:
        return Hl7Reading(problems=(problem_of(error),), control_id=control_id, trigger=trigger, header=header)


def _further(mapping: Hl7Mapping) -> list[tuple[str, int]]:
    """Return the segments and fields of the mapping's visit numbers."""
    return [(place[:3], int(place[4:].partition(".")[0])) for place in mapping.visit_number]


def _trigger(message: Hl7Message) -> str:
    kind, trigger = message.get("MSH", 9), message.get("MSH", 9, 2)
    if kind == "ORU":
        if trigger not in ("", RESULTS):
            raise InvalidInput("MSH-9.2", "of the ORU messages only R01 is read. Do not send others to this interface.")
        return RESULTS
    if kind != "ADT":
        raise InvalidInput("MSH-9.1", "neither ADT nor ORU. Send only these messages to this interface.")
    trigger = trigger or message.get("EVN", 1)
    if not trigger:
        raise InvalidInput("MSH-9.2 and EVN-1", "both empty. Fill one of them with the trigger, such as A01.")
    return trigger.upper()


def _why_not(trigger: str) -> str:
    if trigger in NOT_SUPPORTED:
        return f"{trigger} is not supported: {NOT_SUPPORTED[trigger]}."
    return f"{_shown(trigger)} is not supported: it is not about a stay. Do not send it to this interface."


def _shown(code: str) -> str:
    """Return a trigger as an error may show it: any other text may be a name."""
    return code if len(code) <= 4 and code.isascii() and code.isalnum() else "this trigger"


def _require_one_patient(message: Hl7Message) -> None:
    """Reject a message with two patients or two visits: one of them would be lost."""
    for segment, what in (("PID", "patient"), ("PV1", "visit")):
        if message.count(segment) > 1:
            raise InvalidInput(segment, f"{message.count(segment)} segments. Send one message for each {what}.")
