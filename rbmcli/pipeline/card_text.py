"""The Markdown of a model card, section by section."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from rbmcli.config import TrainSettings
from rbmcli.data.levels import Levels
from rbmcli.pipeline.rating_spread import FEW_RATINGS, Spread

_SHOWN_EPOCHS = 10


def card_text(metadata: dict[str, Any], levels: Levels, users: Spread, items: Spread) -> str:
    """Return the Markdown of a card.

    Parameters
    ----------
    metadata : dict
        The rbmcli metadata of the model.
    levels : Levels
        Its scale.
    users, items : Spread
        How its ratings are spread.
    """
    sections = {
        "What it is": _what_it_is(metadata, levels, users, items),
        "Data": _data(metadata, levels, users, items),
        "How good it is": _figures(metadata),
        "What it is for": _purpose(metadata, levels),
        "New users, new ratings, new items": _new_users(metadata),
        "Limits": _limits(metadata, levels, users, items),
        "How to use it": _use(),
        "Settings": _table(["setting", "value"], [(f"`{k}`", _code(v)) for k, v in _settings(metadata)]),
    }
    if metadata.get("versions"):
        rows = [(str(name), str(version)) for name, version in metadata["versions"].items()]
        sections["Versions"] = _table(["package", "version"], rows)
    parts = [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join(["# Model card: a Restricted Boltzmann Machine for ratings", *parts]) + "\n"


def _what_it_is(metadata: dict[str, Any], levels: Levels, users: Spread, items: Spread) -> str:
    settings, by = metadata["settings"], metadata["orientation"]
    other = "item" if by == "user" else "user"
    columns = items.count if by == "user" else users.count
    units = "normal" if settings["hidden_units"] == "gaussian" else "binary"
    upper = TrainSettings(layers=settings.get("layers", "")).upper_layers
    above = f", with {' and '.join(map(str, upper))} in {_layers(upper)} above them" if upper else ""
    text = (
        f"It predicts the rating that a user would give an item, as a probability for each of "
        f"{len(levels)} levels. It is a Restricted Boltzmann Machine for collaborative filtering "
        f"(Salakhutdinov, Mnih and Hinton, ICML 2007): each {by} is a case, each {other} a group of visible "
        f"units over the levels, and {metadata['F']:,} {units} hidden units stand between them{above}. "
        f"It was trained by `rbmcli train`, {_objective(settings)}."
    )
    functions = settings["level_functions"] or metadata["K"]
    inner = settings["factors"] or metadata["F"]
    numbers = columns * (functions * inner + metadata["K"] + settings["conditional"] * metadata["F"])
    numbers += metadata["F"] + settings["factors"] * metadata["F"]
    numbers += sum(2 * above * below + above + below for below, above in pairwise((metadata["F"], *upper)))
    rows = [
        ("kind", f"`{metadata['kind']}`, rows of {by}s"),
        ("scale", levels.describe()),
        ("trained numbers", f"{numbers:,}"),
        ("fingerprint of the model", f"`{metadata['fingerprint']}`"),
        ("version of the file format", str(metadata["format_version"])),
    ]
    return f"{text}\n\n{_table(['fact', 'value'], rows)}"


def _layers(upper: tuple[int, ...]) -> str:
    return "a layer" if len(upper) == 1 else f"{len(upper)} layers"


def _objective(settings: dict[str, Any]) -> str:
    if settings["objective"] == "discriminative":
        return "to predict a part of each case's ratings from the rest (discriminative)"
    more = ", then discriminatively" if settings["fine_tune"] else ""
    return f"by contrastive divergence{more}"


def _data(metadata: dict[str, Any], levels: Levels, users: Spread, items: Spread) -> str:
    known = metadata["n_ratings"]
    rows = [
        ("ratings given to training", f"{known:,}"),
        ("users", f"{users.count:,}"),
        ("items", f"{items.count:,}"),
        ("ratings of a user", _spread(users)),
        ("ratings of an item", _spread(items)),
        ("pairs that are rated", f"{known / (users.count * items.count):.2%}"),
        ("pairs of unknown rating", f"{metadata.get('n_also_rated', 0):,}"),
        ("fingerprint of the ratings", f"`{metadata.get('data_fingerprint', 'not stored')}`"),
    ]
    shares = [(f"{level:g}", f"{share:.1%}") for level, share in _prior(metadata, levels)]
    return f"{_table(['fact', 'value'], rows)}\n\n{_table(['rating', 'share'], shares)}"


def _prior(metadata: dict[str, Any], levels: Levels) -> list[tuple[float, float]]:
    return [
        (float(level), share) for level, share in zip(levels.values, metadata["global_prior"], strict=True)
    ]


def _spread(side: Spread) -> str:
    return f"{side.least:,} to {side.most:,}, median {side.median:,}"


def _figures(metadata: dict[str, Any]) -> str:
    settings, epochs = metadata["settings"], metadata.get("epochs", [])
    best = metadata.get("best_epoch")
    kept = [entry for entry in epochs if entry["epoch"] == best]
    measured = {
        "file": "ratings of a file of their own (`--valid`)",
        "holdout": f"{settings['holdout']:.1%} of the ratings, which were held out",
        "none": "nothing",
    }[settings["validation"]]
    if settings["validation"] == "none":
        text = (
            "It was trained without validation ratings: **nothing is known of how well it predicts.** "
            "The loss is that of the training ratings."
        )
    else:
        text = (
            f"Measured after each epoch on {measured}. The epoch that was best there was kept, so that these "
            "figures flatter it a little; `rbmcli evaluate` measures it on ratings that it has never seen."
        )
    if kept and settings["validation"] != "none":
        text += f"\n\nThe best epoch is {best:,}: {_in_words(kept[0])}."
    if settings["refit"]:
        text += (
            " The model was then trained again on all ratings, the validation ratings too, for as many "
            "epochs: the figures are those of the model before."
        )
    if metadata.get("calibrated_on"):
        text += " " + _calibrated(metadata["calibrated_on"])
    if metadata.get("tried"):
        text += f" Its settings are the best of {len(metadata['tried'])} that were tried out."
    rows = [
        tuple(f"**{cell}**" if entry["epoch"] == best and cell else cell for cell in _cells(entry))
        for entry in _some(epochs, best)
    ]
    return f"{text}\n\n{_table(['epoch', 'loss', 'RMSE', 'NLL'], rows)}" if rows else text


def _calibrated(fit: dict[str, Any]) -> str:
    (nll_before, nll_after), (before, after) = fit["nll"], fit["calibration_error"]
    return (
        f"Its probabilities were set right on {_count(fit['n'], 'prediction')} afterwards (`rbmcli evaluate "
        f"--calibrate`): on these the NLL went from {nll_before:.4f} to {nll_after:.4f} and the expected "
        f"calibration error from {before:.4f} to {after:.4f}."
    )


def _in_words(entry: dict[str, Any]) -> str:
    nll = "" if entry["valid_nll"] is None else f", NLL {entry['valid_nll']:.4f} nats"
    return f"RMSE {entry['valid_rmse']:.4f} in units of the rating{nll}"


def _cells(entry: dict[str, Any]) -> list[str]:
    figures = [entry["loss"], entry["valid_rmse"], entry["valid_nll"]]
    return [str(entry["epoch"]), *("" if figure is None else f"{figure:.4f}" for figure in figures)]


def _some(epochs: list[dict[str, Any]], best: int | None) -> list[dict[str, Any]]:
    """Return the first, the last and the best epoch, and some between."""
    every = max(1, -(-len(epochs) // _SHOWN_EPOCHS))
    return [
        entry
        for place, entry in enumerate(epochs)
        if place % every == 0 or place == len(epochs) - 1 or entry["epoch"] == best
    ]


def _purpose(metadata: dict[str, Any], levels: Levels) -> str:
    low, high = levels.values[0], levels.values[-1]
    return _bullets(
        f"**For** predicting ratings from {low:g} to {high:g} of items that it knows, with probabilities, "
        "and for ranking by them what users have not rated.",
        "**For** users with a history of ratings on this scale, known to the model or new.",
        "**Not for** telling what people do next: it says how they would rate what they rate, not whether "
        "they come to it. A list by expected rating is not one of what will be clicked.",
        "**Not for** items without ratings, for another scale, or for another catalogue.",
        "**Not for** decisions about people, such as what they may see, pay or be trusted with. Ratings can "
        "tell of age, faith or health, and what is predicted from them can too.",
    )


def _new_users(metadata: dict[str, Any]) -> str:
    if metadata["orientation"] == "user":
        how = (
            "A user's hidden units follow from the history in one pass, whether the user was there in "
            "training or not: new users and new ratings need no training. A user without a history gets the "
            "base rates of the item."
        )
    else:
        how = (
            "A user whose history is the one trained on, or is not given, is predicted by the parameters of "
            "training. Any other, new or with new ratings, is folded in: parameters of their own are fitted "
            "to the history, in a fraction of a second. No training is needed. A new user without a history "
            "gets the base rates of the item."
        )
    return (
        f"{how} New items need training; until then they get the base rates of the user. The column `source` "
        "of predictions tells which of these it was."
    )


def _limits(metadata: dict[str, Any], levels: Levels, users: Spread, items: Spread) -> str:
    settings = metadata["settings"]
    limits = [
        f"**Popularity.** A tenth of the items has {items.top_share:.0%} of the ratings, and a tenth of the "
        f"users {users.top_share:.0%}. Predictions of items and users with few ratings stay near base rates: "
        f"{_count(items.few, 'item')} and {_count(users.few, 'user')} have fewer than {FEW_RATINGS}. "
        "`recommend --min-support` leaves such items out.",
        "**Who rates what is no accident.** People rate what they chose. Figures hold for pairs like those "
        "that were rated; of pairs drawn at random nobody knows.",
        _of_time(settings),
        "**One kind of evidence.** It knows ids and ratings only: nothing of what an item is, nor of who a "
        "user is. What the ratings hold of prejudice, it repeats.",
        "**It holds personal data.** The ids of its users stand in the file, and what follows from their "
        "ratings: keep it as you keep these.",
    ]
    if settings["validation"] == "none":
        limits.insert(0, "**No validation.** How many epochs are enough was not measured.")
    if metadata.get("n_also_rated"):
        limits.append(
            "**It was told which pairs have been rated besides.** Without such pairs (`--also-rated`) "
            "predictions are worse than its figures."
        )
    if levels.edges is not None:
        limits.append(
            f"**The scale is cut into {len(levels)} bins.** Within a bin it sees no difference, and no "
            f"prediction is outside {levels.values[0]:g} to {levels.values[-1]:g}."
        )
    return _bullets(*limits)


def _of_time(settings: dict[str, Any]) -> str:
    if settings["day_bias"]:
        return (
            "**Time.** How a user rates on a day counts, for days that the history knows. Otherwise it takes "
            "old and new ratings alike, and does not follow tastes that change."
        )
    return "**Time.** It takes old and new ratings alike, and does not follow tastes that change."


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _use() -> str:
    commands = (
        "rbmcli predict MODEL --history RATINGS --pairs PAIRS --probabilities -o predictions.parquet",
        "rbmcli recommend MODEL --history RATINGS --top 10 -o recommendations.parquet",
        "rbmcli evaluate predictions.parquet --truth RATINGS --history TRAINING_RATINGS",
        "rbmcli explain MODEL --history RATINGS --user ID --item ID",
        "rbmcli similar MODEL ITEM",
        "rbmcli inspect MODEL",
    )
    lines = "\n".join(["```sh", *commands, "```"])
    return (
        f"{lines}\n\n`RATINGS` holds the histories of the users asked for: columns of user, item and "
        "rating in CSV, JSON Lines or Parquet. Ids are those of the training ratings."
    )


def _settings(metadata: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(metadata["settings"].items())


def _code(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _bullets(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(heads: list[str], rows: list[Any]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
