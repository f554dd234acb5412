"""A model trained on a table of stays, and the folder that holds it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple
from zipfile import ZIP_DEFLATED, BadZipFile

import msgspec
import skops.io

from models.readmission.tabular.card import model_card
from models.readmission.tabular.ensemble import Members, Weights
from models.readmission.tabular.report import TableReport, decode, encode
from models.sources.stay_table import Floats, StayTable
from schemas.errors import UsageError

FORMAT = 1
ARTIFACT, METADATA, CARD = "model.skops", "model.json", "model_card.html"
TRUSTED_TYPES = (
    "models.readmission.tabular.encoder.TargetEncoder",
    "models.readmission.tabular.ensemble.Members",
    "models.readmission.tabular.ensemble.Weights",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""Types in our files that skops does not trust by default. A file with any other is not loaded."""
REMEDY = "Run `wardwatch train --source` again."


class TableModel(NamedTuple):
    """The members, their weights, and the results of the training."""

    members: Members
    weights: Weights
    report: TableReport

    def predict(self, table: StayTable) -> Floats:
        """Return the risk of each stay.

        Parameters
        ----------
        table : StayTable
            Of the schema that the model was trained on; may be empty.

        Returns
        -------
        ndarray of float64, shape (len(table),)
            In [0, 1].

        Raises
        ------
        UsageError
            When the table has another schema.
        """
        if table.schema != self.report.table_schema:
            raise UsageError(
                f"Model {self.report.model}: trained on {self.report.source}, not on {table.source} as read here. "
                "Evaluate it on its own source, or train another model."
            )
        return self.weights.risks(self.members.log_odds(table))


def save(model: TableModel, folder: Path) -> TableModel:
    """Write a model's three files into a folder, which is made if it is missing.

    The metadata are written last and hold the hash of the model file: a folder written by halves is noticed.

    Returns
    -------
    TableModel
        With the hash in its report.

    Raises
    ------
    UsageError
        When the folder cannot be written.
    """
    content = {"format": FORMAT, "members": model.members, "weights": model.weights}
    artifact = bytes(skops.io.dumps(content, compression=ZIP_DEFLATED))
    report = msgspec.structs.replace(model.report, artifact_sha256=hashlib.sha256(artifact).hexdigest())
    files = {ARTIFACT: artifact, CARD: model_card(report).encode(), METADATA: encode(report)}
    make_folder(folder)
    try:
        for name, raw in files.items():
            new = folder / f".{name}.new"
            new.write_bytes(raw)
            os.replace(new, folder / name)
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}). Name a folder to write into.") from None
    return model._replace(report=report)


def make_folder(folder: Path) -> None:
    """Make the folder of a model, if it is missing, and check that files can be written into it.

    Raises
    ------
    UsageError
        When they cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file. Name a folder for the model.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / ".trial"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise UsageError(f"{folder}: cannot be written ({error.strerror}). Name a folder to write into.") from None


def read_report(folder: Path) -> TableReport:
    """Return the metadata of the model in a folder.

    Raises
    ------
    UsageError
        When they are missing or invalid.
    """
    try:
        report = decode((folder / METADATA).read_bytes())
    except OSError as error:
        raise UsageError(
            f"{folder / METADATA}: cannot be read ({error.strerror}). Name a folder that `wardwatch train --out` wrote."
        ) from None
    except msgspec.DecodeError as error:
        raise UsageError(f"{folder / METADATA}: {error}. {REMEDY}") from None
    if report.format != FORMAT:
        raise UsageError(f"{folder}: written by another version of Wardwatch. {REMEDY}")
    return report


def load(folder: Path) -> TableModel:
    """Load the model in a folder.

    Raises
    ------
    UsageError
        When a file is missing, is not the one that the metadata name, or contains types that `save` does not write.
    """
    report, path = read_report(folder), folder / ARTIFACT
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). {REMEDY}") from None
    if hashlib.sha256(raw).hexdigest() != report.artifact_sha256:
        raise UsageError(f"{path}: not the file that {METADATA} describes. It was not loaded. {REMEDY}")
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=raw)) - set(TRUSTED_TYPES))
        if foreign:
            raise UsageError(
                f"{path}: contains types that Wardwatch does not write: {', '.join(foreign)}. It was not loaded. "
                f"{REMEDY}"
            )
        content = skops.io.loads(raw, trusted=list(TRUSTED_TYPES))
        return TableModel(content["members"], content["weights"], report)
    except (BadZipFile, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({error}). {REMEDY}") from None
