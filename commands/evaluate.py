"""The command that judges a model by the outcomes in a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commands.common import MAX_SEED, AsJson, load_settings, print_json, say
from commands.stay_files import checked_source, read_stays
from schemas.errors import UsageError

if TYPE_CHECKING:
    from models.sources.stay_table import Floats, StayTable


def evaluate(
    model: Annotated[Path, typer.Option(help="Folder that `wardwatch train --out` wrote.")],
    source: Annotated[str, typer.Option(help="Kind of file: uci, or csv by the mapping that is stored in the model.")],
    data: Annotated[Path, typer.Option(help="The table of stays, with outcomes: CSV, plain or gzip.")],
    risks: Annotated[Path | None, typer.Option(help="Also write the risk of each index stay to this CSV.")] = None,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="Seed of the intervals.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Judge a model that was trained on a file by the outcomes in another file.

    Example: `wardwatch evaluate --model model --source uci --data held_out.csv --json`
    """
    from models.readmission.tabular.evaluate import evaluate as judge
    from models.readmission.tabular.model import load

    load_settings()
    checked = checked_source(source)
    loaded = load(model)
    text = loaded.report.mapping
    if (text is None) == (checked == "csv"):
        raise UsageError(f"{model}: was not trained with --source {source}. Use the source that it was trained with.")
    table = read_stays(checked, data, None if text is None else text.encode(), None)
    found, each = judge(loaded, table, seed=seed)
    if risks is not None:
        _write_risks(risks, table, each)
    if as_json:
        print_json(found)
    else:
        say(found.summary(), markup=False)


def _write_risks(path: Path, table: StayTable, risks: Floats) -> None:
    import csv

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["stay", "readmission_risk"])
            writer.writerows([stay, f"{risk:.6f}"] for stay, risk in zip(table.ids, risks, strict=True))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror}). Name another file.") from None
