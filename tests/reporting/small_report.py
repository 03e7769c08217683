"""A small model with everything that a report can be made of, in memory, and a reader of its page."""

from __future__ import annotations

import functools
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa

import rbmcli
from rbmcli.models.rating_model import RatingModel
from rbmcli.pipeline.prepare import PrepareResult
from rbmcli.reporting.markup import VOID
from rbmcli.reporting.report import ReportResult
from tests.every_kind import model_of, parts
from tests.small_ratings import quick, ratings

SETTINGS = rbmcli.ReportSettings(resamples=50)


@dataclass(frozen=True)
class Given:
    """What a report is made of."""

    model: RatingModel
    history: pa.Table
    predictions: pa.Table
    titles: pa.Table

    def all(self) -> dict[str, Any]:
        """Return it as the arguments of `report`."""
        return {
            "model": self.model,
            "predictions": self.predictions,
            "history": self.history,
            "items": self.titles,
        }

    def report(self, **changed: Any) -> ReportResult:
        """Make a report of all of it, with some arguments changed; None leaves one out."""
        arguments = {"settings": SETTINGS, **self.all(), **changed}
        return rbmcli.report(**{name: value for name, value in arguments.items() if value is not None})


@functools.cache
def given(by: str = "item") -> Given:
    """Return a model of either kind of rows, most of some ratings, and its predictions of the rest."""
    table = ratings(40, 16)
    cut = rbmcli.prepare(table.append_column("timestamp", pa.array(range(10**9, 10**9 + table.num_rows))))
    settings = quick(by, validation="holdout", epochs=5)
    return _given(rbmcli.train(cut.train, valid=cut.valid, settings=settings).model, cut)


@functools.cache
def given_of_kind(kind: str) -> Given:
    """Return a model of a kind, and the ratings that it was trained on."""
    return _given(model_of(kind), parts())


def _given(model: RatingModel, cut: PrepareResult) -> Given:
    asked = rbmcli.PredictSettings(probabilities=True)
    predictions = rbmcli.predict(model, cut.train, cut.test, settings=asked).table
    ids = model.item_ids.values.to_pylist()
    titles = pa.table({"item": ids, "title": [f"Title of {id_}" for id_ in ids]})
    return Given(model, cut.train, predictions, titles)


@functools.cache
def whole_report(by: str = "item") -> ReportResult:
    """Return the report of everything."""
    return given(by).report()


class Page(HTMLParser):
    """A page as it was read: what elements there are, whether they nest, and its text.

    Attributes
    ----------
    elements : list of tuple
        Tag and attributes of each element, in order.
    text : str
        All text but that of the style.
    problems : list of str
        What does not nest.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.problems = "", []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.problems += [f"<{tag}> has no end" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> ends nothing")

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.text += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of a tag."""
        return [attributes for name, attributes in self.elements if name == tag]

    def twice(self) -> list[str]:
        """Return the names that two elements have."""
        names = Counter(attributes["id"] for _, attributes in self.elements if "id" in attributes)
        return [str(name) for name, count in names.items() if count > 1]
