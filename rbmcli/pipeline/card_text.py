"""The Markdown of a model card, section by section."""

from __future__ import annotations

from typing import Any

from rbmcli.data.levels import Levels
from rbmcli.models.portrait import Portrait, holds_vectors, settings_of, takes_days
from rbmcli.models.portraits import portrait_of
from rbmcli.pipeline.card_figures import figures, parts_table
from rbmcli.pipeline.markdown import bullets, code, counted, table
from rbmcli.pipeline.rating_spread import FEW_RATINGS, Spread


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
    portrait = portrait_of(metadata)
    columns = users.count if portrait.rows == "item" else items.count
    sections = {"What it is": _what_it_is(metadata, portrait, levels, columns)}
    if portrait.parts is not None:
        sections["What it is made of"] = parts_table(portrait.parts, metadata)
    sections |= {
        "Data": _data(metadata, levels, users, items),
        "How good it is": figures(metadata, portrait),
        "What it is for": _purpose(levels),
        "New users, new ratings, new items": _new_users(portrait),
        "Limits": _limits(metadata, portrait, levels, users, items),
        "How to use it": _use(metadata),
        "Settings": table(
            ["setting", "value"], [(f"`{name}`", code(value)) for name, value in settings_of(metadata)]
        ),
    }
    if metadata.get("versions"):
        rows = [(str(name), str(version)) for name, version in metadata["versions"].items()]
        sections["Versions"] = table(["package", "version"], rows)
    parts = [f"## {title}\n\n{text}" for title, text in sections.items()]
    return "\n\n".join([f"# Model card: {portrait.name} for ratings", *parts]) + "\n"


def _what_it_is(metadata: dict[str, Any], portrait: Portrait, levels: Levels, columns: int) -> str:
    text = (
        f"It predicts the rating that a user would give an item, as a probability for each of "
        f"{len(levels)} levels. It is {portrait.what} ({portrait.source}). {portrait.made}. "
        "`rbmcli train` has made it."
    )
    rows = [
        ("kind", f"`{portrait.kind}`" + ("" if portrait.rows is None else f", rows of {portrait.rows}s")),
        ("scale", levels.describe()),
        *portrait.facts,
        *_trained(portrait, columns),
        ("fingerprint of the model", f"`{metadata['fingerprint']}`"),
        ("version of the file format", str(metadata["format_version"])),
    ]
    return f"{text}\n\n{table(['fact', 'value'], rows)}"


def _trained(portrait: Portrait, columns: int) -> list[tuple[str, str]]:
    if portrait.trained is None:
        return []
    of_column, besides = portrait.trained
    return [("trained numbers", f"{columns * of_column + besides:,}")]


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
    return f"{table(['fact', 'value'], rows)}\n\n{table(['rating', 'share'], shares)}"


def _prior(metadata: dict[str, Any], levels: Levels) -> list[tuple[float, float]]:
    return [
        (float(level), share) for level, share in zip(levels.values, metadata["global_prior"], strict=True)
    ]


def _spread(side: Spread) -> str:
    return f"{side.least:,} to {side.most:,}, median {side.median:,}"


def _purpose(levels: Levels) -> str:
    low, high = levels.values[0], levels.values[-1]
    return bullets(
        f"**For** predicting ratings from {low:g} to {high:g} of items that it knows, with probabilities, "
        "and for ranking by them what users have not rated.",
        "**For** users with a history of ratings on this scale, known to the model or new.",
        "**Not for** telling what people do next: it says how they would rate what they rate, not whether "
        "they come to it. A list by expected rating is not one of what will be clicked.",
        "**Not for** items without ratings, for another scale, or for another catalogue.",
        "**Not for** decisions about people, such as what they may see, pay or be trusted with. Ratings can "
        "tell of age, faith or health, and what is predicted from them can too.",
    )


def _new_users(portrait: Portrait) -> str:
    return (
        f"{portrait.new_users} New items need training; until then they get the base rates of the user. The "
        "column `source` of predictions tells which of these it was."
    )


def _limits(
    metadata: dict[str, Any], portrait: Portrait, levels: Levels, users: Spread, items: Spread
) -> str:
    settings = metadata["settings"]
    limits = [
        f"**Popularity.** A tenth of the items has {items.top_share:.0%} of the ratings, and a tenth of the "
        f"users {users.top_share:.0%}. Predictions of items and users with few ratings stay near base rates: "
        f"{counted(items.few, 'item')} and {counted(users.few, 'user')} have fewer than {FEW_RATINGS}. "
        "`recommend --min-support` leaves such items out.",
        "**Who rates what is no accident.** People rate what they chose. Figures hold for pairs like those "
        "that were rated; of pairs drawn at random nobody knows.",
        _of_time(metadata),
        "**One kind of evidence.** It knows ids and ratings only: nothing of what an item is, nor of who a "
        "user is. What the ratings hold of prejudice, it repeats.",
        "**It holds personal data.** The ids of its users stand in the file, and what follows from their "
        "ratings: keep it as you keep these.",
    ]
    if settings["validation"] == "none":
        is_long = portrait.course is not None and portrait.course.step == "epoch"
        unknown = "How many epochs are enough" if is_long else "How good it is"
        limits.insert(0, f"**No validation.** {unknown} was not measured.")
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
    return bullets(*limits)


def _of_time(metadata: dict[str, Any]) -> str:
    if takes_days(metadata):
        return (
            "**Time.** How a user rates on a day counts, for days that the history knows. Otherwise it takes "
            "old and new ratings alike, and does not follow tastes that change."
        )
    return "**Time.** It takes old and new ratings alike, and does not follow tastes that change."


def _use(metadata: dict[str, Any]) -> str:
    commands = [
        "rbmcli predict MODEL --history RATINGS --pairs PAIRS --probabilities -o predictions.parquet",
        "rbmcli recommend MODEL --history RATINGS --top 10 -o recommendations.parquet",
        "rbmcli evaluate predictions.parquet --truth RATINGS --history TRAINING_RATINGS",
        "rbmcli explain MODEL --history RATINGS --user ID --item ID",
        *(["rbmcli similar MODEL ITEM"] if holds_vectors(metadata) else []),
        "rbmcli inspect MODEL",
    ]
    lines = "\n".join(["```sh", *commands, "```"])
    return (
        f"{lines}\n\n`RATINGS` holds the histories of the users asked for: columns of user, item and "
        "rating in CSV, JSON Lines or Parquet. Ids are those of the training ratings."
    )
