"""Which levels are taken for which."""

from __future__ import annotations

import numpy as np

from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.level_pictures import MOST_CELLS, heat_map
from rbmcli.reporting.markup import element
from rbmcli.reporting.parts import Section, figure, paragraph, side_by_side


def section(findings: Findings) -> Section | None:
    """Return the section; None where there are no probabilities, or too many levels to be drawn."""
    tables = None if findings.scores is None else findings.scores.tables
    if tables is None or len(tables.levels) > MOST_CELLS:
        return None
    counts = tables.confusion.sum(axis=1)
    shares = np.divide(
        tables.confusion,
        counts[:, None],
        out=np.full(tables.confusion.shape, np.nan),
        where=counts[:, None] > 0,
    )
    levels = [wording.level(value) for value in tables.levels.values]
    picture = heat_map("confusion", "Percent of each true level", shares, counts, levels)
    caption = (
        "Each row is a true level and adds up to 100: which level was held most probable for its ratings. "
        "On the diagonal, in bold, the two are the same."
    )
    texts = (paragraph(text) for text in _in_words(tables.confusion, levels))
    content = side_by_side(figure(picture, caption), element("div", *texts))
    return Section("confusion", "Which ratings are taken for which", content, [picture])


def _in_words(confusion: np.ndarray, levels: list[str]) -> list[str]:
    total = int(confusion.sum())
    place = np.arange(len(levels))
    apart = np.abs(place[:, None] - place[None, :])
    right, near = (float(confusion[apart <= most].sum()) / total for most in (0, 1))
    said = confusion.sum(axis=0)
    never = [levels[at] for at in np.flatnonzero(said == 0)]
    told = [
        f"The most probable level is the true one for {wording.percent(right)} of the ratings, and at most "
        f"one level beside it for {wording.percent(near)}."
    ]
    most = int(said.argmax())
    told.append(
        f"Most often {levels[most]} is held to be most probable, for "
        f"{wording.percent(said[most] / total)} of the ratings; "
        f"{wording.percent(confusion[most].sum() / total)} are on it."
        + (f" Never most probable: {wording.listed(never)}." if never else "")
    )
    told.append(
        "The most probable level is not what is predicted: the prediction is the expected rating, the mean "
        "of all levels by their probabilities."
    )
    return told
