"""The page docs/reference/hospital-file.md, made from `schemas.hospital`: types, bounds and defaults are the code's."""

from __future__ import annotations

from typing import Any

import msgspec.inspect

from schemas.hospital import Facility, Hospital, Unit, UnitType

MEANINGS: dict[type[msgspec.Struct], dict[str, str]] = {
    Hospital: {
        "facilities": "The facilities, in the order of the board. At least one; each `facility_id` once.",
    },
    Facility: {
        "facility_id": "The feed's name of the facility (PV1-3.4), after the mapping.",
        "name": "Name on the board.",
        "units": "The units, in the order of the board. Each `unit_id` once in a facility.",
        "time_zone": "IANA name, such as `Europe/Dublin`. The board shows times of this facility in it; the simulator "
        "follows its days.",
        "cleaning_minutes": "Target in minutes for a bed that a patient left. The board marks a bed that is dirty or "
        "in cleaning for longer.",
        "bed_status_feed": "Whether the feed reports the state of beds (A20). If false, a bed becomes available "
        "`cleaning_minutes` after the patient left it; if true, it stays dirty until the feed says otherwise.",
        "procedure_feed": "Whether the feed reports procedures (PR1, ICD-10-PCS) of all inpatient stays. If true, a "
        "stay without a procedure code had no procedure; if false, its procedures are not known, and a return "
        'counts as "all-cause": see [readmissions](readmissions.md).',
        "cancer_hospital": "Whether this is a cancer hospital exempt from the prospective payment system (PPS). Its "
        "stays are not index stays of a readmission.",
    },
    Unit: {
        "unit_id": "The feed's name of the unit (PV1-3.1), after the mapping.",
        "name": "Name on the board.",
        "type": "Kind of unit, see below. Units of type `emergency` do not count in the inpatient figures of the "
        "board's summary; the simulator chooses its patients by the type.",
        "specialty": "Second line on the unit's card; the facility's name if empty.",
        "licensed_beds": "Number of beds. They are named 01, 02 and so on. If `beds` is given, leave it out, or give "
        "the same number.",
        "beds": "Names of the beds, each once in a unit, as the feed names them: room and bed (`101-A`), or the bed "
        "alone. Quote a name that consists of digits.",
        "staffed_beds": "Number of beds that have staff, at most the number of beds; all beds if not given. It is the "
        "divisor of the occupancy. Free beds beyond it are shown as not staffed, the last ones of the unit first.",
        "care": "`acute`, `rehabilitation`, `psychiatric` or `long_term`. Stays in units that are not acute are not "
        "part of the [readmission](readmissions.md) rates. If not given: `psychiatric` for a unit of that type, "
        "`acute` for all others.",
    },
}

HEADINGS: dict[type[msgspec.Struct], str] = {
    Hospital: "The file",
    Facility: "A facility: an item of `facilities`",
    Unit: "A unit: an item of `units`",
}

TYPES: dict[UnitType, str] = {
    UnitType.EMERGENCY: "emergency department",
    UnitType.INTENSIVE_CARE: "intensive care",
    UnitType.STEP_DOWN: "step-down, intermediate care",
    UnitType.MEDICAL_SURGICAL: "general ward, medical or surgical",
    UnitType.MATERNITY: "maternity",
    UnitType.PAEDIATRIC: "children's ward",
    UnitType.PSYCHIATRIC: "psychiatric ward",
    UnitType.SHORT_STAY: "short stay, assessment",
    UnitType.PROCEDURAL: "procedures, recovery",
    UnitType.OTHER: "any other unit",
}

INTRODUCTION = """# The hospital file

A YAML file of facilities, units and beds. `WARDWATCH_HOSPITAL_FILE` names it; without the setting, the built-in Harbour
General is used. Units and beds of a facility that the file does not name are
[learnt from the feed](../decisions/0024-beds-that-the-feed-has-shown.md). An unknown key, a missing key or a value of
the wrong type is an error that names the place in the file.

[Describe your hospital](../how-to/describe-your-hospital.md) goes through the steps and has a complete
[example](../how-to/example_hospital.yaml).
"""


def hospital_page() -> str:
    """Return the page.

    Raises
    ------
    KeyError
        When a key of the schema has no meaning here.
    """
    parts = [INTRODUCTION, *(f"## {HEADINGS[kind]}\n\n{_table(kind)}" for kind in MEANINGS)]
    kinds = "".join(f"| `{kind.value}` | {TYPES[kind]} |\n" for kind in UnitType)
    return "\n".join([*parts, f"## Types of unit\n\n| `type` | unit |\n|---|---|\n{kinds}"])


def _table(kind: type[msgspec.Struct]) -> str:
    about = msgspec.inspect.type_info(kind)
    assert isinstance(about, msgspec.inspect.StructType)
    lines = ["| key | value | default | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{field.encode_name}` | {_value(field.type)} | {_default(field)} | {MEANINGS[kind][field.name]} |"
        for field in about.fields
    ]
    return "\n".join(lines) + "\n"


def _default(field: msgspec.inspect.Field) -> str:
    if field.required:
        return "required"
    if field.default in (None, ""):
        return "none"
    if field.default == ():
        return "empty"
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _value(kind: Any) -> str:
    match kind:
        case msgspec.inspect.UnionType(types=types):
            return _value(next(each for each in types if not isinstance(each, msgspec.inspect.NoneType)))
        case msgspec.inspect.VarTupleType(item_type=msgspec.inspect.StructType()):
            return "list"
        case msgspec.inspect.VarTupleType(item_type=item):
            return f"list of {_value(item)}"
        case msgspec.inspect.EnumType():
            return "one of the types below"
        case msgspec.inspect.StrType(min_length=shortest, max_length=longest):
            return "text" if longest is None else f"text, {shortest} to {longest} characters"
        case msgspec.inspect.IntType(ge=least, le=most):
            return f"number, {least} or more" if most is None else f"number, {least} to {most:,}"
        case msgspec.inspect.BoolType():
            return "true or false"
    raise TypeError(f"{kind} has no words here; add them to `_value`.")
