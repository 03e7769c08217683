"""The portraits of models that are made of no others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

from rbmcli.config import AutoencoderSettings, TrainSettings
from rbmcli.models.portrait import ONE_AND_MORE, Course, Description, Measured, Portrait, listed

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


def _rbm(description: Description) -> Portrait:
    settings, by = description["settings"], description["orientation"]
    units = "normal" if settings["hidden_units"] == "gaussian" else "binary"
    upper = TrainSettings(layers=settings.get("layers", "")).upper_layers
    layers = "a layer" if len(upper) == 1 else f"{len(upper)} layers"
    above = f" and {' and '.join(f'{count:,}' for count in upper)} in {layers} above them" if upper else ""
    more = f", then {_REST}" if settings["fine_tune"] else ""
    return Portrait(
        kind="rbm",
        name=ONE_AND_MORE["rbm"][0],
        what=f"a Restricted Boltzmann Machine with {description['F']:,} {units} hidden units{above}, in "
        f"which each {by} is a case",
        source="Salakhutdinov, Mnih and Hinton, ICML 2007",
        made=f"It was trained {_REST}"
        if settings["objective"] == "discriminative"
        else f"It was trained by contrastive divergence{more}",
        rows=by,
        facts=(
            (
                "visible units",
                f"a group over the {description['K']} levels for each {'item' if by == 'user' else 'user'}",
            ),
        ),
        course=Course("epoch", is_chosen=True, loss=_LOSSES[settings["objective"]]),
        measured=_BY_THE_EPOCH,
        new_users=_of_rows_of_users() if by == "user" else _of_rows_of_items(),
        trained=_trained_of_rbm(description, upper),
    )


def _trained_of_rbm(description: Description, upper: tuple[int, ...]) -> tuple[int, int]:
    settings, levels, hidden = description["settings"], description["K"], description["F"]
    functions, inner = settings["level_functions"] or levels, settings["factors"] or hidden
    of_column = functions * inner + levels + settings["conditional"] * hidden
    of_layers = sum(2 * above * below + above + below for below, above in pairwise((hidden, *upper)))
    return of_column, hidden + settings["factors"] * hidden + of_layers


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


def _factorization(description: Description) -> Portrait:
    settings = description["settings"]
    counted = settings["sweeps"] - settings["burn_in"]
    seen = ", in which it counts what was rated and by whom, besides how" if settings["implicit"] else ""
    return Portrait(
        kind="mf",
        name=ONE_AND_MORE["mf"][0],
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


def _autoencoder(description: Description) -> Portrait:
    settings = description["settings"]
    layers = AutoencoderSettings(layers=settings["layers"]).sizes
    sizes = [f"{size:,}" for size in layers]
    rows = settings["by"] or "item"
    units = f"a hidden layer of {sizes[0]}" if len(sizes) == 1 else f"hidden layers of {listed(sizes)}"
    by_item = "What stands for a user is fitted to the history by ridge regression"
    by_user = "A user's hidden units follow from the history in one pass"
    return Portrait(
        kind="autoencoder",
        name=ONE_AND_MORE["autoencoder"][0],
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
        trained=(2 * layers[0] + layers[-1] + 2, sum(layers) + sum(a * b for a, b in pairwise(layers))),
    )


def _bias(description: Description) -> Portrait:
    effects = description["effects"]
    return Portrait(
        kind="bias",
        name=ONE_AND_MORE["bias"][0],
        what="a sum of effects of the user and of the item: how far the ratings of each are from the mean",
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
        trained=(1, 1),
    )


PORTRAITS: Mapping[str, Callable[[Description], Portrait]] = {
    "rbm": _rbm,
    "mf": _factorization,
    "autoencoder": _autoencoder,
    "bias": _bias,
}
"""What tells of each kind."""
