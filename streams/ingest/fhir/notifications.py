"""Notifications of FHIR subscriptions: what a subscription's Bundle is for."""

from __future__ import annotations

from streams.ingest.fhir.json_values import Json, items, part

NOTIFICATIONS = frozenset({"handshake", "heartbeat", "event-notification", "query-status", "query-event"})


def notification_type(bundle: Json) -> str | None:
    """Return the type of notification, or None where the Bundle is not one.

    R5 has it in the SubscriptionStatus, the R4 backport in the Parameters of the first entry.
    """
    if bundle.get("type") not in ("subscription-notification", "history"):
        return None
    first = part(next((entry for _, entry in items(bundle.get("entry"))), None), "resource")
    found = None
    if part(first, "resourceType") == "SubscriptionStatus":
        found = part(first, "type")
    elif part(first, "resourceType") == "Parameters":
        parameters = [parameter for _, parameter in items(part(first, "parameter"))]
        found = next((one.get("valueCode") for one in parameters if one.get("name") == "type"), None)
    return found if isinstance(found, str) and found in NOTIFICATIONS else None
