"""The portrait of each kind of model: how it is told of, from its description."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

from rbmcli.config import AutoencoderSettings, TrainSettings
from rbmcli.models.portrait import Course, Description, Measured, Part, Parts, Portrait

_REST = "to predict a part of the ratings of each case from the rest"
_FOLDED_IN = (
    "{how}, whether the user was there in training or not: new users and new ratings need no training. "
    "A user without a history gets the base rates of the item."
)
_BY_THE_LINK = Measured(
    "Measured on",
    "What turns its expected ratings into probabilities was fitted to them, so that the NLL flatters it a "
    "little",
    "on the ratings that its probabilities were fitted to",
)
_BY_THE_EPOCH = Measured(
    "Measured after each epoch on",
    "The epoch that was best there was kept, so that these figures flatter it a little",
    "on the ratings that the epoch was chosen by",
    "for as many epochs",
)
_LOSSES = {
    "discriminative": "What training makes small: how far the ratings that it hides are from what is "
    "predicted from the others. An epoch is one pass over all training ratings.",
    "divergence": "How improbable the ratings are in the reconstruction, in nats for a rating. An epoch is "
    "one pass over all training ratings.",
}
_ONE_AND_MORE = {
    "rbm": ("a Restricted Boltzmann Machine", "Restricted Boltzmann Machines"),
    "mf": ("a matrix factorization", "matrix factorizations"),
    "autoencoder": ("an autoencoder", "autoencoders"),
    "neighbours": ("a neighbourhood model", "neighbourhood models"),
    "bias": ("a model of user and item effects", "models of user and item effects"),
}


def portrait_of(description: Description, users: int, items: int) -> Portrait:
    """Return what a model tells of itself.

    Parameters
    ----------
    description : Description
        The metadata of its file, or what `rbmcli.models.store.describe` returns.
    users, items : int
        How many it knows.

    Raises
    ------
    LookupError
        If the description lacks something, or the kind is not known.
    """
    return _PORTRAITS[description["kind"]](description, users, items)


def _rbm(description: Description, users: int, items: int) -> Portrait:
    settings, by = description["settings"], description["orientation"]
    units = "normal" if settings["hidden_units"] == "gaussian" else "binary"
    upper = TrainSettings(layers=settings.get("layers", "")).upper_layers
    layers = "a layer" if len(upper) == 1 else f"{len(upper)} layers"
    above = f" and {' and '.join(f'{count:,}' for count in upper)} in {layers} above them" if upper else ""
    more = f", then {_REST}" if settings["fine_tune"] else ""
    other, columns = ("item", items) if by == "user" else ("user", users)
    return Portrait(
        kind="rbm",
        name=_ONE_AND_MORE["rbm"][0],
        what=f"a Restricted Boltzmann Machine with {description['F']:,} {units} hidden units{above}, in "
        f"which each {by} is a case",
        source="Salakhutdinov, Mnih and Hinton, ICML 2007",
        made=f"It was trained {_REST}"
        if settings["objective"] == "discriminative"
        else f"It was trained by contrastive divergence{more}",
        rows=by,
        facts=(
            ("visible units", f"a group over the {description['K']} levels for each {other}"),
            ("trained numbers", f"{_numbers_of_rbm(description, columns, upper):,}"),
        ),
        course=Course("epoch", is_chosen=True, loss=_LOSSES[settings["objective"]]),
        measured=_BY_THE_EPOCH,
        new_users=_of_rows_of_users() if by == "user" else _of_rows_of_items(),
    )


def _numbers_of_rbm(description: Description, columns: int, upper: tuple[int, ...]) -> int:
    settings, levels, hidden = description["settings"], description["K"], description["F"]
    functions, inner = settings["level_functions"] or levels, settings["factors"] or hidden
    numbers = columns * (functions * inner + levels + settings["conditional"] * hidden)
    numbers += hidden + settings["factors"] * hidden
    numbers += sum(2 * above * below + above + below for below, above in pairwise((hidden, *upper)))
    return int(numbers)


def _of_rows_of_users() -> str:
    return (
        "A user's hidden units follow from the history in one pass, whether the user was there in training "
        "or not: new users and new ratings need no training. A user without a history gets the base rates "
        "of the item."
    )


def _of_rows_of_items() -> str:
    return (
        "A user whose history is the one trained on, or is not given, is predicted by the parameters of "
        "training. Any other, new or with new ratings, is folded in: parameters of their own are fitted "
        "to the history, in a fraction of a second. No training is needed. A new user without a history "
        "gets the base rates of the item."
    )


def _factorization(description: Description, users: int, items: int) -> Portrait:
    settings = description["settings"]
    counted = settings["sweeps"] - settings["burn_in"]
    seen = ", in which it counts what was rated and by whom, besides how" if settings["implicit"] else ""
    return Portrait(
        kind="mf",
        name=_ONE_AND_MORE["mf"][0],
        what=f"a Bayesian matrix factorization with {settings['latent_factors']:,} factors of each user and "
        f"item{seen}",
        source="Salakhutdinov and Mnih, ICML 2008; Koren, KDD 2008",
        made=f"It was sampled by {settings['sweeps']:,} Gibbs sweeps, of which the last {counted:,} count",
        rows=None,
        facts=(
            ("factors beside the biases", f"{settings['latent_factors']:,}"),
            ("sweeps", f"{settings['sweeps']:,}, of which the first {settings['burn_in']:,} do not count"),
            ("samples that are kept", f"{settings['samples']:,}"),
            ("mean rating", f"{description['mean']:.4f}"),
        ),
        course=Course(
            "sweep",
            is_chosen=False,
            loss="Mean squared error of one sample on the training ratings. A sweep draws all factors of "
            "users and items once. One sample errs by more than the mean of many.",
        ),
        measured=_BY_THE_LINK,
        new_users=_FOLDED_IN.format(
            how="A user's factors follow from the history in each sample, by their posterior"
        ),
    )


def _autoencoder(description: Description, users: int, items: int) -> Portrait:
    settings = description["settings"]
    sizes = [f"{size:,}" for size in AutoencoderSettings(layers=settings["layers"]).sizes]
    rows = settings["by"] or "item"
    units = f"a hidden layer of {sizes[0]}" if len(sizes) == 1 else f"hidden layers of {_listed(sizes)}"
    by_item = "What stands for a user is fitted to the history by ridge regression"
    by_user = "A user's hidden units follow from the history in one pass"
    return Portrait(
        kind="autoencoder",
        name=_ONE_AND_MORE["autoencoder"][0],
        what=f"an autoencoder with {units} units, in which each {rows} is a case",
        source="Sedhain, Menon, Sanner and Xie, WWW 2015",
        made="It was trained to predict ratings that are hidden from its input",
        rows=rows,
        facts=(
            ("units of the hidden layers", ", ".join(sizes)),
            ("epochs that it was trained for", f"{description['best_epoch']:,}"),
            ("hidden from the input", f"{settings['input_dropout']:.0%} of the ratings of a row"),
        ),
        course=Course(
            "epoch",
            is_chosen=settings["validation"] != "none",
            loss="Half the mean squared error of ratings that were hidden from the input. An epoch is one "
            "pass over all training ratings.",
        ),
        measured=_BY_THE_EPOCH,
        new_users=_FOLDED_IN.format(how=by_item if rows == "item" else by_user),
    )


def _bias(description: Description, users: int, items: int) -> Portrait:
    effects = description["effects"]
    return Portrait(
        kind="bias",
        name=_ONE_AND_MORE["bias"][0],
        what="a model of user and item effects: how far the ratings of a user, and those of an item, are "
        "from the mean",
        source="Koren, KDD 2008",
        made="It was fitted by regularised least squares",
        rows=None,
        facts=(
            ("mean rating", f"{effects['mean']:.4f}"),
            ("penalty of user effects, in ratings", f"{effects['user_penalty']:g}"),
            ("penalty of item effects, in ratings", f"{effects['item_penalty']:g}"),
        ),
        course=None,
        measured=_BY_THE_LINK,
        new_users=_FOLDED_IN.format(how="A user's effect follows from the history"),
    )


def _neighbours(description: Description, users: int, items: int) -> Portrait:
    settings, near = description["settings"], description["neighbourhood"]
    base = portrait_of(description["members"][0], users, items)
    return Portrait(
        kind="neighbours",
        name=_ONE_AND_MORE["neighbours"][0],
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


def _blend(description: Description, users: int, items: int) -> Portrait:
    kinds = [member["kind"] for member in description["members"]]
    trees = description["trees"]
    upon_it = f", and {trees:,} regression trees upon it" if trees else ""
    boosted = " Regression trees upon it add what the sum misses." if trees else ""
    return Portrait(
        kind="blend",
        name=f"a blend of {len(kinds)} models",
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


def _ensemble(description: Description, users: int, items: int) -> Portrait:
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


_OF_MEMBERS = (
    "Each member folds a user in from the history in its own way, whether the user was there in training or "
    "not: new users and new ratings need no training. A user without a history gets the base rates of the "
    "item."
)

_PORTRAITS: Mapping[str, Callable[[Description, int, int], Portrait]] = {
    "rbm": _rbm,
    "mf": _factorization,
    "autoencoder": _autoencoder,
    "bias": _bias,
    "neighbours": _neighbours,
    "blend": _blend,
    "ensemble": _ensemble,
}

KINDS = tuple(_PORTRAITS)
"""Every kind of model."""


def _parts(description: Description) -> tuple[Part, ...]:
    def part(entry: Mapping[str, Any]) -> Part:
        names = ("valid_rmse", "valid_nll", "weight", "share")
        return Part(entry["member"], *(entry.get(name) for name in names))

    return tuple(map(part, description["of_members"]))


def _counted(kinds: list[str]) -> str:
    """Return how many models of each kind there are, in words."""
    told = []
    for kind, count in Counter(kinds).items():
        one, more = _ONE_AND_MORE[kind]
        told.append(one if count == 1 else f"{count:,} {more}")
    return _listed(told)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
