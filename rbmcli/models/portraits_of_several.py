"""The portraits of models that are made of others: what each member is for, and its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from rbmcli.models.portrait import ONE_AND_MORE, Description, Measured, Part, Parts, Portrait, listed
from rbmcli.models.portraits_of_one import PORTRAITS as OF_BASES

_OF_MEMBERS = (
    "Each member folds a user in from the history in its own way, whether the user was there in training or "
    "not: new users and new ratings need no training. A user without a history gets the base rates of the "
    "item."
)


def _neighbours(description: Description) -> Portrait:
    settings, near = description["settings"], description["neighbourhood"]
    base = OF_BASES[description["members"][0]["kind"]](description["members"][0])
    return Portrait(
        kind="neighbours",
        name=ONE_AND_MORE["neighbours"][0],
        what=f"a neighbourhood model: {base.name}, corrected by its errors on up to "
        f"{settings['neighbours']:,} neighbours of each item",
        source="Bell and Koren, KDD Cup 2007; Töscher, Jahrer and Bell, 2009",
        made="Its base was trained, and neighbours found in what that leaves unexplained",
        rows=None,
        facts=(
            ("base", base.what),
            ("most neighbours of an item", f"{settings['neighbours']:,}"),
            ("shrinkage of similarities, in ratings", f"{settings['similarity_shrinkage']:g}"),
            ("gain of corrections", f"{near['gain']:.4g}"),
            ("shrinkage of corrections, in similarities", f"{near['pull']:g}"),
            ("sharpness of the probabilities", f"{near['sharpness']:g}"),
        ),
        course=None,
        measured=Measured(
            "Measured on",
            "How far neighbours count was chosen by them, so that these figures flatter it a little",
            "on the ratings that chose how far neighbours count",
        ),
        new_users=base.new_users + " Neighbours count by the errors of the base on the same history.",
        parts=Parts(
            _parts(description),
            "with its neighbours",
            "Neighbours correct what the base predicts by its errors on similar items that the user has "
            "rated.",
        ),
    )


def _blend(description: Description) -> Portrait:
    kinds = [member["kind"] for member in description["members"]]
    trees = description["trees"]
    upon_it = f", and {trees:,} regression trees upon it" if trees else ""
    boosted = " Regression trees upon it add what the sum misses." if trees else ""
    return Portrait(
        kind="blend",
        name=f"a blend of {len(kinds)} model{'s' if len(kinds) > 1 else ''}",
        what=f"a blend of {_counted(kinds)}",
        source="Breiman, Machine Learning 1996",
        made="Its members were trained one by one, and weighted by ratings that they had not seen",
        rows=None,
        facts=(("members", f"{len(kinds)}"), ("predictions", f"a weighted sum{upon_it}")),
        course=None,
        measured=Measured(
            "Measured on",
            "For each figure the weights were fitted to the others of them. A member that chooses its "
            "epoch, or its probabilities, by the same ratings looks a little better there than it is",
            "on held-out ratings, by weights that were fitted to others of them",
        ),
        new_users=_OF_MEMBERS,
        parts=Parts(
            _parts(description),
            f"all {len(kinds)} together",
            "A prediction is a weighted sum of what the members predict. A weight depends on how many "
            "ratings the user and the item have, and shown is its mean from few to many." + boosted + " "
            "Probabilities are those of the members, each with its share.",
        ),
    )


def _ensemble(description: Description) -> Portrait:
    members = description["members"]
    return Portrait(
        kind="ensemble",
        name=f"an ensemble of {len(members)} models",
        what=f"an ensemble of {_counted([member['kind'] for member in members])}, that differ by their seeds",
        source="Breiman, Machine Learning 1996",
        made="Its members were trained one by one, and what it says is their mean",
        rows=None,
        facts=(("members", f"{len(members)}"), ("predictions", "the mean")),
        course=None,
        measured=Measured(
            "Measured on",
            "What its members choose by them, such as their epoch, flatters it a little",
            "on the ratings that its members were measured on",
        ),
        new_users=_OF_MEMBERS,
        parts=Parts(
            _parts(description),
            f"all {len(members)} together",
            "A prediction is the mean of what the members predict, and so are probabilities.",
        ),
    )


def _parts(description: Description) -> tuple[Part, ...]:
    def part(entry: Mapping[str, Any]) -> Part:
        """Return what a member's entry of the record tells."""
        names = ("valid_rmse", "valid_nll", "weight", "share")
        return Part(entry["member"], *(entry.get(name) for name in names))

    return tuple(map(part, description["of_members"]))


def _counted(kinds: list[str]) -> str:
    """Return how many models of each kind there are, in words."""
    told = []
    for kind, count in Counter(kinds).items():
        one, more = ONE_AND_MORE[kind]
        told.append(one if count == 1 else f"{count:,} {more}")
    return listed(told)


PORTRAITS: Mapping[str, Callable[[Description], Portrait]] = {
    "neighbours": _neighbours,
    "blend": _blend,
    "ensemble": _ensemble,
}
"""What tells of each kind."""
