"""What a model is made of: its members, with the figures of each and of all together."""

from __future__ import annotations

from rbmcli.models.portrait import Part
from rbmcli.reporting import wording
from rbmcli.reporting.drawing import Picture
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, figure, paragraph, side_by_side, table
from rbmcli.reporting.pictures import Dot, dots


def section(findings: Findings) -> Section | None:
    """Return the section; None for a model that is not made of others."""
    parts = findings.portrait.parts
    if parts is None:
        return None
    picture = _picture(findings)
    shown = [_table(findings)]
    if picture is not None:
        caption = "On validation ratings that the models had not seen; the numbers are those of the table."
        shown.insert(0, figure(picture, caption))
    content = joined(paragraph(parts.meaning), side_by_side(*shown))
    return Section("members", "What it is made of", content, [] if picture is None else [picture])


def _picture(findings: Findings) -> Picture | None:
    parts, kept = findings.portrait.parts, findings.kept
    assert parts is not None
    entries = [
        Dot(f"{number}. {part.told.partition(':')[0]}", part.rmse, is_model=False)
        for number, part in enumerate(parts.models, 1)
        if part.rmse is not None
    ]
    if kept is None or not entries:
        return None
    entries.append(Dot(parts.together, kept["valid_rmse"]))
    return dots("members", "Validation RMSE: smaller is better", entries, "units of the rating", digits=4)


def _table(findings: Findings) -> Markup:
    parts, kept = findings.portrait.parts, findings.kept
    assert parts is not None
    rows: list[list[str | Markup]] = [_row(number, part) for number, part in enumerate(parts.models, 1)]
    if kept is not None:
        figures = [wording.figure(kept[name], 4) for name in ("valid_rmse", "valid_nll")]
        rows.append([parts.together, *figures, "", ""])
    return table(
        "Figures on validation ratings, and what each model counts. Below its kind are the settings that are "
        "not the default ones.",
        ["model", "RMSE", "NLL", "weight", "share"],
        rows,
        strong=[] if kept is None else [len(rows) - 1],
    )


def _row(number: int, part: Part) -> list[str | Markup]:
    kind, _, settings = part.told.partition(":")
    # With spaces, so that they go on in the next line where there is little room.
    told = settings.replace(",", ", ").replace("=", " ")
    below = element("div", told, class_="note") if told else None
    return [
        joined(f"{number}. {kind}", below),
        "" if part.rmse is None else wording.figure(part.rmse, 4),
        "" if part.nll is None else wording.figure(part.nll, 4),
        "" if part.weight is None else wording.figure(part.weight, 2),
        "" if part.share is None else wording.percent(part.share, 0),
    ]
