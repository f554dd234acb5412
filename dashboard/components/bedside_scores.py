"""The bedside scores of a patient as small tables, which open on a click: items, what is known of each, the points."""

from __future__ import annotations

from typing import Any

from dash import html

from models.bedside.catalogue import SCORES, headline, item_label, missing_in_words, points_in_words, total_in_words
from models.bedside.items import BedsideScore, Item


def bedside_scores(scores: tuple[BedsideScore, ...] | None) -> list[Any]:
    """Return the section of the side panel.

    Parameters
    ----------
    scores : tuple of BedsideScore or None
        Of the latest score of the encounter; None if it was issued without them.
    """
    title = html.H3("Bedside scores")
    if scores is None:
        return [title, html.P("This risk was issued before bedside scores were computed.", className="mut small")]
    known = [score for score in scores if score.name in SCORES]
    note = html.P("Published scores, made for other patients and outcomes than the models.", className="mut small")
    return [title, html.Div([_score(score) for score in known], className="bedside"), note]


def _score(score: BedsideScore) -> html.Details:
    parts: list[Any] = [html.Summary([html.B(headline(score)), _missing(score)])]
    parts.append(_table(score) if score.items else html.P("No condition that counts.", className="mut small"))
    return html.Details(parts)


def _missing(score: BedsideScore) -> Any:
    words = missing_in_words(score)
    return html.Span(words, className="not-known") if words else ""


def _table(score: BedsideScore) -> html.Table:
    head = html.Thead(html.Tr([html.Th(word, scope="col") for word in ("Item", "Known", "Points")]))
    kind = SCORES[score.name]
    total = html.Tr([html.Th("Total", scope="row"), html.Td(total_in_words(score), colSpan=2)])
    title = html.Caption(f"Made for {kind.outcome}")
    return html.Table(
        [title, head, html.Tbody([_row(score, item) for item in score.items]), html.Tfoot(total)], className="points"
    )


def _row(score: BedsideScore, item: Item) -> html.Tr:
    value = html.Td("not known", className="not-known") if item.value is None else html.Td(item.value)
    return html.Tr([html.Th(item_label(score, item), scope="row"), value, html.Td(points_in_words(item))])
