"""Users with their recommendations, and which of their ratings push these."""

from __future__ import annotations

from rbmcli.reporting import wording
from rbmcli.reporting.examples import Example, Examples, Push, Recommended
from rbmcli.reporting.findings import Findings
from rbmcli.reporting.markup import Markup, element, joined
from rbmcli.reporting.parts import Section, heading, items, paragraph, side_by_side


def section(findings: Findings) -> Section | None:
    """Return the section; None where there are no examples."""
    examples = findings.examples
    if examples is None or not examples.users:
        return None
    content = joined(
        paragraph(_rule(examples, findings.settings.seed)),
        paragraph(
            "Beside each item stands the rating that is expected. Below it stand ratings of the same user "
            "that change it most, each with the expected rating less what it would be without this rating.",
            _folding(findings),
        ),
        side_by_side(*(_example(findings, example) for example in examples.users), class_="examples"),
    )
    return Section("examples", "Examples, and why", content)


def _rule(examples: Examples, seed: int) -> str:
    shown = len(examples.users)
    lists = "that the file of recommendations has lists of" if examples.given else "of the history"
    users = wording.plural(examples.drawn_from, "user")
    if shown == examples.drawn_from:
        return f"All {users} {lists} are shown, by the number of their ratings."
    if shown == 1:
        return f"Drawn at random, with seed {seed}, from the {users} {lists}."
    return (
        f"Nobody was picked by hand: the {users} {lists} were ordered by the number of their ratings and cut "
        f"into {shown} equal parts, and of each one user was drawn at random, with seed {seed}."
    )


def _folding(findings: Findings) -> str:
    if findings.model.rows == "user":
        return ""
    return " For this the user's own parameters are fitted anew each time."


def _example(findings: Findings, example: Example) -> Markup:
    titles = findings.items([item for item, _ in example.liked])
    liked = [
        joined(element("em", title), f" ({wording.level(rating)})")
        for title, (_, rating) in zip(titles, example.liked, strict=True)
    ]
    ratings, mean = wording.plural(example.n_ratings, "rating"), wording.figure(example.mean, 2)
    rated = joined(
        f"{ratings}, {mean} on average. Highest: ",
        *(part for entry in liked for part in (entry, ", ")),
    )
    listed = [_recommended(findings, entry) for entry in example.items]
    listing = items("ol", listed, class_="listing") if listed else paragraph("Nothing is left to recommend.")
    return element(
        "article",
        heading(3, f"User {example.user}"),
        paragraph(Markup(rated.removesuffix(", ") + "."), class_="note"),
        paragraph(element("span", "recommended"), element("span", "expected"), class_="heads")
        if listed
        else None,
        listing,
        class_="example",
    )


def _recommended(findings: Findings, entry: Recommended) -> Markup:
    pushes = [_push(findings, push) for push in (*entry.up, *entry.down)]
    return joined(
        element("span", findings.items([entry.item])[0], class_="title"),
        element("span", wording.figure(entry.prediction, 2), class_="score"),
        items("ul", pushes, class_="why") if pushes else None,
    )


def _push(findings: Findings, push: Push) -> Markup:
    kind = "up" if push.change > 0 else "down"
    title = findings.items([push.item])[0]
    return joined(
        element("span", wording.signed(push.change), class_=kind),
        element("span", f"rated {wording.level(push.rating)}: ", title),
    )
