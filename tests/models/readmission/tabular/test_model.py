"""The folder of a model: the same risks after loading, foreign or broken files refused, a card that stands alone."""

from __future__ import annotations

import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import numpy as np
import pytest
import skops.io
from sklearn.linear_model import SGDClassifier

from models.readmission.tabular.card import model_card
from models.readmission.tabular.evaluate import evaluate
from models.readmission.tabular.model import ARTIFACT, CARD, METADATA, TRUSTED_TYPES, TableModel, load, save
from models.readmission.tabular.report import decode, encode
from models.sources.stay_table import RULE, StayTable
from schemas.errors import UsageError


class Foreign:
    """A class that no model of ours contains."""


@pytest.fixture
def folder(trained: TableModel, tmp_path: Path) -> Path:
    save(trained, tmp_path / "new" / "model")
    return tmp_path / "new" / "model"


def test_a_loaded_model_gives_the_same_risks(trained: TableModel, folder: Path, others: StayTable) -> None:
    assert load(folder).predict(others).tolist() == trained.predict(others).tolist()
    assert sorted(file.name for file in folder.iterdir()) == sorted([ARTIFACT, METADATA, CARD])


def test_a_model_is_written_over_an_older_one(trained: TableModel, folder: Path) -> None:
    other = trained._replace(report=msgspec.structs.replace(trained.report, model="another"))
    save(other, folder)
    assert load(folder).report.model == "another"


def test_the_metadata_say_what_the_model_is_made_of(folder: Path, stays: StayTable) -> None:
    report = decode((folder / METADATA).read_bytes())
    assert report.data_sha256 == stays.fingerprint
    assert report.artifact_sha256 == hashlib.sha256((folder / ARTIFACT).read_bytes()).hexdigest()
    assert report.rows == len(stays)
    assert set(report.versions) == {"python", "wardwatch", "numpy", "pandas", "scikit-learn", "scipy", "skops"}


def test_risks_do_not_depend_on_the_other_rows(trained: TableModel, others: StayTable) -> None:
    together = trained.predict(others)
    one_by_one = [float(trained.predict(others.rows(np.array([row])))[0]) for row in range(10)]
    assert together[:10].tolist() == pytest.approx(one_by_one, abs=1e-6)
    assert len(trained.predict(others.rows(np.zeros(len(others), dtype=bool)))) == 0


def test_only_listed_types_are_in_a_model_file(folder: Path) -> None:
    assert set(skops.io.get_untrusted_types(file=folder / ARTIFACT)) <= set(TRUSTED_TYPES)


def replace_artifact(folder: Path, raw: bytes) -> None:
    """Write another model file, and its hash into the metadata."""
    (folder / ARTIFACT).write_bytes(raw)
    report = decode((folder / METADATA).read_bytes())
    changed = msgspec.structs.replace(report, artifact_sha256=hashlib.sha256(raw).hexdigest())
    (folder / METADATA).write_bytes(encode(changed))


@pytest.mark.parametrize(
    ("content", "says"),
    [({"members": Foreign()}, "Foreign"), ({"format": 1}, "cannot be read"), (SGDClassifier(), "cannot be read")],
    ids=["foreign type", "nothing in it", "another object"],
)
def test_a_file_with_other_content_is_not_loaded(folder: Path, content: object, says: str) -> None:
    replace_artifact(folder, bytes(skops.io.dumps(content)))
    with pytest.raises(UsageError, match=says):
        load(folder)


def test_a_file_that_is_not_skops_is_not_loaded(folder: Path) -> None:
    replace_artifact(folder, b"not a zip")
    with pytest.raises(UsageError, match="cannot be read"):
        load(folder)


def test_a_file_that_the_metadata_do_not_describe_is_not_loaded(folder: Path) -> None:
    raw = (folder / ARTIFACT).read_bytes()
    (folder / ARTIFACT).write_bytes(raw + b"x")
    with pytest.raises(UsageError, match="not the file that"):
        load(folder)


@pytest.mark.parametrize("name", [ARTIFACT, METADATA])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UsageError, match=name):
        load(folder)


def test_metadata_of_another_kind_are_refused(folder: Path) -> None:
    (folder / METADATA).write_text('{"model": 1}', encoding="utf-8")
    with pytest.raises(UsageError, match=METADATA):
        load(folder)


def test_a_folder_that_cannot_be_made_is_one_error(trained: TableModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be written"):
        save(trained, tmp_path / "file" / "model")
    with pytest.raises(UsageError, match="is a file"):
        save(trained, tmp_path / "file")


def test_a_table_of_another_schema_is_refused(trained: TableModel, others: StayTable) -> None:
    from dataclasses import replace

    with pytest.raises(UsageError, match="trained on UCI Diabetes 130-US hospitals"):
        trained.predict(replace(others, schema="uci-0"))


def test_the_evaluation_of_the_training_file_says_so(trained: TableModel, stays: StayTable) -> None:
    found, _ = evaluate(trained, stays, seed=1)
    assert found.is_training_data
    assert "all figures are too good" in found.summary()


def test_one_stay_can_be_evaluated(trained: TableModel, others: StayTable) -> None:
    found, risks = evaluate(trained, others.rows(np.array([0])), seed=1)
    assert found.all_rows["model"].auroc is None
    assert found.all_rows["model"].mean_risk == risks[0]
    assert "AUROC not defined" in found.summary()


def test_no_stay_at_all_is_an_error(trained: TableModel, others: StayTable) -> None:
    with pytest.raises(UsageError, match="all rows are excluded"):
        evaluate(trained, others.rows(np.zeros(len(others), dtype=bool)), seed=1)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.addresses: list[str | None] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_card_is_a_page_without_links_to_anything_outside(trained: TableModel) -> None:
    card = model_card(trained.report)
    page = _Page()
    page.feed(card)
    assert page.open == []
    assert page.addresses == []
    assert not page.tags & {"script", "link", "img", "iframe"}
    assert not re.search(r"https?://|@import|url\(", card)


def test_the_card_shows_the_figures_the_baseline_and_the_data(trained: TableModel) -> None:
    card, report = model_card(trained.report), trained.report
    assert report.measures.auroc is not None
    assert f"{report.measures.auroc.value:.3f} ({report.measures.auroc.low:.3f} to" in card
    for said in (RULE, report.data_sha256, "UCI Diabetes 130-US hospitals", "No temporal split", "Peak memory", "F1"):
        assert said in card


def test_names_in_the_card_are_text_and_not_markup(trained: TableModel) -> None:
    report = msgspec.structs.replace(trained.report, source="<script>alert(1)</script>", model="<b>")
    assert "<script>" not in model_card(report)
    assert "<b>" not in model_card(report)
