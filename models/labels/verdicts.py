"""The verdict on every stay of a patient: index stay or the reason why not, episode, return and outcome.

The stream and the batch use this one function, so a label does not depend on the order in which facts arrived.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from models.labels.episodes import Episode, by_person, came_at, episodes_of, last_leg
from models.labels.index_stays import Exclusion, exclusion_by_condition, exclusion_by_itself
from models.labels.planned import Plan, plan_of_return
from models.labels.rules import DEFAULT, Definition
from schemas.state import Encounter


class Outcome(StrEnum):
    """What followed an index stay within 30 days."""

    READMITTED = "readmitted"
    """The first return was unplanned, or nothing says that it was planned."""
    PLANNED_RETURN = "planned_return"
    """The first return was planned. Later returns do not count for this stay."""
    DIED = "died"
    """Died without an unplanned return, in the variant that counts deaths."""
    NOT_READMITTED = "not_readmitted"


class Verdict(NamedTuple):
    """The verdict on one stay."""

    stay: Encounter
    exclusion: Exclusion | None
    """None for an index stay."""
    outcome: Outcome | None
    """None for a stay that is not an index stay."""
    episode_id: str | None
    """The first stay of its episode; None where the stay takes part in no episode."""
    leg: int | None
    """Its place in the episode, from 1."""
    legs: int | None
    returned: Encounter | None
    """The first return within 30 days, for any cause."""
    days_to_return: int | None
    """Days by date from the discharge to the return; 0 on the same day."""
    plan: Plan | None
    """Whether the return was planned."""
    died_at: datetime | None
    """When the patient died, as reported apart from a discharge."""

    @property
    def is_index(self) -> bool:
        """Whether the stay is an index stay."""
        return self.exclusion is None

    @property
    def is_readmitted(self) -> bool | None:
        """The label: whether the outcome counts; None for a stay that is not an index stay."""
        return None if self.outcome is None else self.outcome in (Outcome.READMITTED, Outcome.DIED)


def verdicts(
    history: Sequence[Encounter],
    definition: Definition = DEFAULT,
    *,
    died_at: datetime | None = None,
    followed_until: datetime | None = None,
) -> list[Verdict]:
    """Return the verdict on each encounter of a patient.

    Parameters
    ----------
    history : sequence of Encounter
        All encounters of the patient, in any order. Those of another person under the same number are kept apart.
    definition : Definition
        The variant, the hospital and the code sets.
    died_at : datetime or None
        When the patient died, as reported apart from a discharge. Of a number of two persons it concerns both.
    followed_until : datetime or None
        Time until which all returns are known. A stay whose 30 days end later is no index stay (`FOLLOW_UP`). None:
        the 30 days of all stays are over.

    Returns
    -------
    list of Verdict
        In the order of `history`.
    """
    found: dict[int, Verdict] = {}
    for person in by_person(history):
        episodes = episodes_of(person, definition)
        place = {id(leg): (number, leg_number) for number, e in enumerate(episodes) for leg_number, leg in enumerate(e)}
        for stay in person:
            found[id(stay)] = _verdict(stay, episodes, place.get(id(stay)), definition, died_at, followed_until)
    return [found[id(stay)] for stay in history]


def _verdict(
    stay: Encounter,
    episodes: Sequence[Episode],
    place: tuple[int, int] | None,
    definition: Definition,
    died_at: datetime | None,
    followed_until: datetime | None,
) -> Verdict:
    episode = episodes[place[0]] if place is not None else None
    ends = episode is not None and last_leg(episode) is stay
    exclusion = exclusion_by_itself(stay, definition, died_at=died_at)
    if exclusion is None and not ends:  # a stay without any known time takes part in no episode
        exclusion = Exclusion.CONTINUED if episode is not None else Exclusion.NO_ADMISSION
    exclusion = exclusion or exclusion_by_condition(stay, definition)
    until = definition.window_ends(stay)
    if exclusion is None and followed_until is not None and until is not None and until > followed_until:
        exclusion = Exclusion.FOLLOW_UP
    back = _first_return(stay, episodes[place[0] + 1 :], definition) if place is not None and ends else None
    plan = plan_of_return(stay, back, definition) if back is not None and not definition.rules.crude else None
    return Verdict(
        stay=stay,
        exclusion=exclusion,
        outcome=_outcome(stay, back, plan, definition, died_at) if exclusion is None else None,
        episode_id=episode[0].encounter_id if episode is not None else None,
        leg=place[1] + 1 if place is not None else None,
        legs=len(episode) if episode is not None else None,
        returned=back,
        days_to_return=definition.days_between(stay, came_at(back, definition)) if back is not None else None,
        plan=plan,
        died_at=died_at,
    )


def _first_return(stay: Encounter, later: Iterable[Episode], definition: Definition) -> Encounter | None:
    """Return the first stay of the next episode, if it lies in the 30 days."""
    left = stay.discharged_at
    if left is None:
        return None
    for episode in later:
        back = episode[0]
        if came_at(back, definition) >= left:
            return back if definition.in_window(stay, came_at(back, definition)) else None
    return None


def _outcome(
    stay: Encounter, back: Encounter | None, plan: Plan | None, definition: Definition, died_at: datetime | None
) -> Outcome:
    planned = plan is not None and plan.planned is True
    if back is not None and not planned:
        return Outcome.READMITTED
    if definition.rules.or_death and died_at is not None and definition.in_window(stay, died_at):
        return Outcome.DIED
    return Outcome.PLANNED_RETURN if planned else Outcome.NOT_READMITTED
