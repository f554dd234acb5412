"""Episodes of care: stays of one person that belong together, such as a transfer between two hospitals.

Features and labels use the same episodes. The stay with the latest discharge ends the episode and carries its outcome;
the other stays of it are legs, which continue in another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from models.features.snapshot import began_at
from models.labels.rules import DEFAULT, Definition
from schemas.hospital import Care
from schemas.state import Encounter, EncounterStatus
from schemas.two_people import are_two_people

_NOT_BEGUN = frozenset({EncounterStatus.CANCELLED, EncounterStatus.PLANNED})
_EVER = datetime.max.replace(tzinfo=UTC)

Episode = tuple[Encounter, ...]
"""Stays in the order in which they began."""


def episodes_of(history: Sequence[Encounter], definition: Definition = DEFAULT) -> list[Episode]:
    """Return the episodes of one person, in the order in which they began.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of one person, in any order.
    definition : Definition
        Which stays count, the zones, and the kinds of care. Only stays in acute care are in an episode.

    Notes
    -----
    Two stays belong together when the second one

    * begins before the end of the first one, or in the minute of its discharge;
    * begins in another facility on the same or the next day (a transfer: CMS);
    * begins in the same facility on the same day, for the same condition (CMS: the stay goes on).

    A stay without a discharge continues in no other one: feeds miss discharges.
    """
    stays = sorted(filter(lambda stay: takes_part(stay, definition), history), key=_order)
    found: list[list[Encounter]] = []
    for stay in stays:
        if found and not definition.rules.crude and continues(last_leg(found[-1]), stay, definition):
            found[-1].append(stay)
        else:
            found.append([stay])
    return [tuple(episode) for episode in found]


def takes_part(encounter: Encounter, definition: Definition = DEFAULT) -> bool:
    """Return whether a stay is acute care of a class that counts, and has begun."""
    return (
        encounter.status not in _NOT_BEGUN
        and began_at(encounter) is not None
        and definition.counts(encounter)
        and (definition.rules.crude or definition.care(encounter) is Care.ACUTE)
    )


def last_leg(episode: Sequence[Encounter]) -> Encounter:
    """Return the stay that ends an episode: the one with the latest discharge, or with none."""
    return max(episode, key=lambda stay: (stay.discharged_at or _EVER, *_order(stay)))


def came_at(encounter: Encounter, definition: Definition = DEFAULT) -> datetime:
    """Return when a stay counts as a return: when it became inpatient; without that, or in a crude count, its begin."""
    at = (None if definition.rules.crude else encounter.inpatient_from) or began_at(encounter)
    assert at is not None
    return at


def continues(stay: Encounter, following: Encounter, definition: Definition = DEFAULT) -> bool:
    """Return whether the following stay belongs to the episode that this one has ended so far."""
    left, began = stay.discharged_at, began_at(following)
    since = began_at(stay)
    if left is None or began is None or (since is not None and left < since):
        return False
    if _minute(began) <= _minute(left):
        return True
    days = definition.days_between(stay, began)
    left_from = stay.unit_stays[-1].facility_id if stay.unit_stays else None
    came_to = following.unit_stays[0].facility_id if following.unit_stays else None
    if left_from is not None and came_to is not None and left_from != came_to:
        return days <= 1
    return days == 0 and not principal_categories(stay).isdisjoint(principal_categories(following))


def principal_categories(encounter: Encounter) -> frozenset[str]:
    """Return the first three characters of the principal diagnoses: the category in ICD-9 and ICD-10.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from schemas.state import KnownDiagnosis
    >>> code = KnownDiagnosis(code="I50.9", system="ICD10CM", known_at=datetime(2026, 1, 1, tzinfo=UTC), principal=True)
    >>> stay = Encounter(encounter_id="E1", patient_token="P1", status=EncounterStatus.DISCHARGED, diagnoses=(code,))
    >>> sorted(principal_categories(stay))
    ['I50']
    """
    return frozenset(each.code.replace(".", "")[:3].upper() for each in encounter.diagnoses if each.principal)


def by_person(history: Sequence[Encounter]) -> list[list[Encounter]]:
    """Split the encounters of one patient number by person: a newborn's under the mother's number are not hers."""
    groups: list[list[Encounter]] = []
    for each in sorted(history, key=lambda each: (-(each.age_years or 0), each.encounter_id)):
        group = next((group for group in groups if not any(are_two_people(each, it) for it in group)), None)
        if group is None:
            groups.append([each])
        else:
            group.append(each)
    return groups


def _order(stay: Encounter) -> tuple[datetime, datetime, str]:
    began = began_at(stay)
    assert began is not None
    return began, came_at(stay), stay.encounter_id


def _minute(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)
