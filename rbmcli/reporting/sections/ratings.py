"""The data in figures: how many ratings there are, and how they are spread."""

from __future__ import annotations

from datetime import UTC, datetime

from rbmcli.pipeline.rating_spread import FEW_RATINGS, Spread
from rbmcli.reporting import wording
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import joined
from rbmcli.reporting.parts import Section, facts, figure, paragraph, side_by_side
from rbmcli.reporting.pictures import bars, spread


def section(findings: Findings) -> Section:
    """Return the section."""
    told, model = findings.spread, findings.model
    users, items = Spread.of(told.of_user), Spread.of(told.of_item)
    ratings = int(told.of_user.sum())
    pairs: list[tuple[str, str]] = [
        ("ratings", wording.count(ratings)),
        ("users", wording.count(users.count)),
        ("items", wording.count(items.count)),
        ("of all pairs are rated", wording.percent(ratings / (users.count * items.count), 2)),
        ("mean rating", wording.figure(told.mean, 2)),
    ]
    whose = (
        "These are the ratings that predictions start from, the history."
        if findings.has_history
        else "These are the ratings that the model was trained on, as far as it keeps count of them."
    )
    if told.period is not None:
        first, last = (datetime.fromtimestamp(second, UTC).date().isoformat() for second in told.period)
        whose += f" They were given from {first} to {last}."
    pictures = [
        bars(
            "ratings-by-level",
            "How items are rated",
            [wording.level(value) for value in model.levels.values],
            list(told.of_level),
            "rating" if model.levels.edges is None else "rating, mean of each bin",
        ),
        spread("ratings-by-user", "Ratings of a user", told.of_user, "users"),
        spread("ratings-by-item", "Ratings of an item", told.of_item, "items"),
    ]
    captions = [
        _of_levels(findings),
        f"Half of the users have {wording.count(users.median)} ratings or more, from "
        f"{wording.count(users.least)} to {wording.count(users.most)}. {_top(users, 'users')}",
        f"Half of the items have {wording.count(items.median)} ratings or more, from "
        f"{wording.count(items.least)} to {wording.count(items.most)}. {_top(items, 'items')}"
        + (f" {_few(items)}" if items.few else ""),
    ]
    shown = [figure(picture, caption) for picture, caption in zip(pictures, captions, strict=True)]
    content = joined(paragraph(whose), facts(pairs), side_by_side(*shown))
    return Section("data", "The ratings", content, pictures)


def _of_levels(findings: Findings) -> str:
    shares, values = findings.spread.of_level, findings.model.levels.values
    if findings.model.levels.edges is not None:
        return "Share of the ratings by bin, named by its mean; bins are made to hold about equally many."
    most = int(shares.argmax())
    return (
        f"Share of the ratings by level. The most frequent is {wording.level(values[most])}, with "
        f"{wording.percent(shares[most], 0)}."
    )


def _top(side: Spread, what: str) -> str:
    return f"The tenth of the {what} with the most has {wording.percent(side.top_share, 0)} of all ratings."


def _few(items: Spread) -> str:
    verb = "has" if items.few == 1 else "have"
    return (
        f"{wording.plural(items.few, 'item')} {verb} fewer than {FEW_RATINGS}: little can be known of them."
    )
