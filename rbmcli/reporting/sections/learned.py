"""What the model has learned: items at the ends of hidden units, and items that are alike."""

from __future__ import annotations

import numpy as np

from rbmcli.models.hidden_units import MOST_ALIKE, UnitResponse
from rbmcli.models.rbm import Rbm
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings, Neighbours
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, heading, items, paragraph


def section(findings: Findings) -> Section | None:
    """Return the section; None where there is nothing to show."""
    if not findings.units and not findings.neighbours:
        return None
    content = joined(
        *([_units(findings)] if findings.units else []),
        *([_neighbours(findings)] if findings.neighbours else []),
    )
    return Section("learned", "What the model has learned", content)


def _units(findings: Findings) -> Markup:
    model = findings.model
    assert isinstance(model, Rbm)
    shown = wording.count(len(findings.units))
    if model.by_user:
        meaning = (
            "A hidden unit tells users apart. High ratings of the items at its upper end switch it on, and "
            "high ratings of those at the lower end switch it off; a unit that is on raises what is "
            "predicted for the upper ones. The number is how much more the highest rating adds to the unit "
            "than the lowest, less where the item has few ratings."
        )
    elif model.form.gaussian:
        meaning = (
            "A hidden unit tells items apart: it is high for those at its upper end and low for those at "
            "its lower end, and each user responds to it in their own way. The number is its mean."
        )
    else:
        meaning = (
            "A hidden unit tells items apart: it is on for those at its upper end and off for those at its "
            "lower end, and each user responds to it in their own way. The number is the probability that it "
            "is on."
        )
    chosen = (
        f"Shown are the {shown} of {wording.count(model.settings.hidden)} units that move predictions most, "
        f"without those that correlate above {MOST_ALIKE:g} with a stronger one. Which end is up is an "
        "accident of training."
    )
    cards = [_unit(findings, unit) for unit in findings.units]
    return joined(
        heading(3, "What hidden units respond to"),
        paragraph(meaning),
        element("div", *cards, class_="cards"),
        paragraph(chosen, class_="note"),
    )


def _unit(findings: Findings, unit: UnitResponse) -> Markup:
    return element(
        "article",
        heading(4, f"Unit {unit.unit + 1:,}"),
        heading(5, "upper end"),
        _values(findings, unit.high, unit.high_response, signed=findings.model.rows == "user"),
        heading(5, "lower end"),
        _values(findings, unit.low, unit.low_response, signed=findings.model.rows == "user"),
        class_="card",
    )


def _values(findings: Findings, places: np.ndarray, values: np.ndarray, *, signed: bool) -> Markup:
    entries = [
        joined(
            element("span", findings.item_at(int(place))), element("span", _told(float(value), signed=signed))
        )
        for place, value in zip(places, values, strict=True)
    ]
    return items("ul", entries)


def _told(value: float, *, signed: bool) -> str:
    return wording.signed(value, 3) if signed else wording.figure(value, 2)


def _neighbours(findings: Findings) -> Markup:
    meaning = (
        "Items that the same users rate alike are near to each other. Shown are the items with the most "
        "ratings and the nearest to each, with their similarity: 1 is the same, 0 nothing in common; of "
        "items with few ratings it is held back."
    )
    cards = [_card(findings, entry) for entry in findings.neighbours]
    return joined(
        heading(3, "Which items are alike"),
        paragraph(meaning),
        element("div", *cards, class_="cards"),
    )


def _card(findings: Findings, entry: Neighbours) -> Markup:
    ratings = wording.plural(int(findings.model.item_ratings[entry.item]), "rating")
    return element(
        "article",
        heading(4, findings.item_at(entry.item)),
        paragraph(ratings),
        _values(findings, entry.nearest, entry.similarity, signed=False),
        class_="card",
    )
