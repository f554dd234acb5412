"""Movements of IHE PAM (ZBE): their id, their time, and what is done to them."""

from __future__ import annotations

from schemas.errors import InvalidInput
from streams.ingest.hl7.fields import FieldReader, checked_text
from streams.ingest.hl7.message import Hl7Message

UPDATE = "Z99"
"""The trigger that changes a movement; ZBE-6 has the trigger of the movement itself."""

CANCEL_OF = {
    "A01": "A11",
    "A02": "A12",
    "A03": "A13",
    "A04": "A11",
    "A05": "A38",
    "A09": "A33",
    "A10": "A32",
    "A14": "A27",
    "A15": "A26",
    "A16": "A25",
    "A21": "A52",
    "A22": "A53",
    "A54": "A55",
}
"""The trigger that cancels what another one reports."""


def movement(reader: FieldReader) -> str | None:
    """Return ZBE-1, the id of the movement and its authority; None where the message has none."""
    number, authority = reader.field("ZBE", 1), reader.field("ZBE", 1, 2) or reader.field("ZBE", 1, 3)
    return checked_text("ZBE-1", f"{number}^{authority}" if authority else number) if number else None


def is_historic(reader: FieldReader) -> bool:
    """Return whether the movement is not the patient's last one (ZBE-5): PV1-3 is then not where the patient is."""
    return reader.message.get("ZBE", 5).upper() == "Y"


def trigger_of_movement(message: Hl7Message, trigger: str) -> str:
    """Return the trigger by which a message is read: that of the movement which it inserts, updates or cancels.

    Raises
    ------
    InvalidInput
        When an update of a movement does not say what kind of movement it is.
    """
    action, original = message.get("ZBE", 4).upper(), message.get("ZBE", 6).upper()
    if trigger == UPDATE and not original:
        raise InvalidInput("ZBE-6", "empty, so the kind of the movement is unknown. Fill in its trigger, such as A02.")
    meant = original if original and (trigger == UPDATE or action == "UPDATE") else trigger
    return CANCEL_OF.get(meant, meant) if action == "CANCEL" else meant
