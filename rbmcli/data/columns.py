"""Which column of an input is the user, the item, the rating and the timestamp.

Every command that reads ratings or pairs finds its columns here: an option names a column or counts it
from 1; without one the usual names are recognised, whatever their case and punctuation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rbmcli.config import CatalogueSettings, InputSettings
from rbmcli.errors import DataError

ROLES = ("user", "item", "rating", "timestamp")
"""Names that the columns have inside the program and in every file it writes, in their order."""

# Compared after `_squeeze`: 'User-ID', 'user_id' and 'userId' are all 'userid'. Ratings have the four roles,
# a catalogue of items an item, or else an id, and a title.
_USUAL_NAMES = {
    "user": "user userid uid reviewer reviewerid customer customerid reader readerid member memberid rater "
    "raterid",
    "item": "item itemid iid movie movieid book bookid isbn asin product productid song songid track trackid "
    "artist artistid album albumid game gameid joke jokeid anime animeid recipe recipeid article articleid "
    "business businessid restaurant restaurantid",
    "rating": "rating ratings score stars starrating overall value bookrating userrating itemrating grade",
    "timestamp": "timestamp ts time date datetime unixtime unixreviewtime ratedat createdat",
    "title": "title name itemtitle itemname movietitle moviename booktitle bookname producttitle productname",
    "id": "id",
}
_ROLES_OF_NAMES = {name: role for role, names in _USUAL_NAMES.items() for name in names.split()}


def _squeeze(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def count_known(names: Sequence[str]) -> int:
    """Return how many of the roles of ratings and of a catalogue the names are usual names of."""
    return len({_ROLES_OF_NAMES.get(_squeeze(name)) for name in names} - {None})


def named_explicitly(names: Sequence[str], settings: InputSettings) -> bool:
    """Return whether an option names one of the columns, other than by position."""
    wanted = {getattr(settings, f"{role}_column") for role in ROLES}
    return any(name in wanted and not name.isdigit() for name in names)


def default_names(count: int) -> list[str]:
    """Return the names of the columns of a text without a header line."""
    return [ROLES[index] if index < len(ROLES) else f"column{index + 1}" for index in range(count)]


def find_roles(
    names: Sequence[str],
    settings: InputSettings,
    where: str,
    *,
    needs_rating: bool,
    needs_item: bool = True,
    timestamps: bool = False,
    headerless: bool = False,
) -> dict[str, int]:
    """Return the position, from 0, of the column of each role that the input has, in the order of `ROLES`.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    settings : InputSettings
        Options that name columns, or count them from 1.
    where : str
        Name of the input, for messages.
    needs_rating : bool
        True for ratings; False for pairs, where a rating may be missing.
    needs_item : bool
        False for a list of users, where an item may be missing too.
    timestamps : bool
        Whether a timestamp is looked for in pairs; in ratings it always is.
    headerless : bool
        Whether the names are those of `default_names`, so that a column whose role an option gave to
        another column has no role of its own.

    Raises
    ------
    DataError
        If a column is missing, stands for two roles, or could be one of several; the message lists the
        columns and names the option.
    """
    roles: dict[str, int] = {}
    needed = {"user"} | ({"item"} if needs_item else set()) | ({"rating"} if needs_rating else set())
    for role in ROLES:
        option = getattr(settings, f"{role}_column")
        has_it = role == "timestamp" and timestamps and option in names
        if option and (needs_rating or role in needed or has_it):
            # A pairs file needs none of the columns that the same options name in a history.
            roles[role] = _chosen(option, f"--{role}-column", names, where)
    if len(set(roles.values())) < len(roles):
        raise DataError(
            f"{where}: one column is chosen for two of {', '.join(roles)}", hint=_columns_found(names)
        )
    for role in ROLES:
        unwanted = role == "timestamp" and (
            not (needs_rating or timestamps) or settings.timestamp_column == ""
        )
        if role in roles or unwanted:
            continue
        candidates = _candidates(role, names, set(roles.values()))
        if len(candidates) == 1:
            roles[role] = candidates[0]
        elif role in needed or (candidates and role == "timestamp"):
            raise _undecided(role, [names[index] for index in candidates], names, where, headerless)
    return {role: roles[role] for role in ROLES if role in roles}


def find_catalogue_columns(
    names: Sequence[str], settings: CatalogueSettings, where: str, *, headerless: bool = False
) -> tuple[int, int]:
    """Return the positions, from 0, of the ids and the titles of a catalogue of items.

    Parameters
    ----------
    names : sequence of str
        Names of all columns.
    settings : CatalogueSettings
        Options that name columns, or count them from 1.
    where : str
        Name of the input, for messages.
    headerless : bool
        Whether the names are made up: then the first column is that of the ids, the second that of the
        titles.

    Raises
    ------
    DataError
        If a column is missing or could be one of several; the message lists the columns and names the
        option.
    """
    places: dict[str, int] = {}
    for role, option in (("item", settings.id_column), ("title", settings.title_column)):
        spelling = "--items-id" if role == "item" else "--items-title"
        if option:
            places[role] = _chosen(option, spelling, names, where)
            continue
        candidates = _candidates(role, names, set(places.values()))
        if not candidates and role == "item":
            candidates = _candidates("id", names, set())
        if headerless:
            candidates = [len(places)] if len(names) > len(places) else []
        if len(candidates) != 1:
            what = "may be any of several columns" if candidates else "is in no column with a usual name"
            raise DataError(
                f"{where}: the {role} {what}",
                hint=f"give the name or position of the {role} with {spelling}; {_columns_found(names)}",
            )
        places[role] = candidates[0]
    return places["item"], places["title"]


def rename_roles(names: Sequence[str], roles: dict[str, int]) -> list[str]:
    """Return the names of all columns, with the role in place of the name where a column has one.

    A further column that happens to have the name of a role gets a name that is free.
    """
    role_at = {index: role for role, index in roles.items()}
    taken = set(roles) | set(names)
    renamed = []
    for index, name in enumerate(names):
        if index in role_at:
            renamed.append(role_at[index])
        elif name in roles:
            free = next(f"{name}_{n}" for n in range(2, len(names) + 3) if f"{name}_{n}" not in taken)
            taken.add(free)
            renamed.append(free)
        else:
            renamed.append(name)
    return renamed


def check_distinct(names: Sequence[str], where: str) -> None:
    """Raise `DataError` if two columns have one name."""
    repeated = sorted({name for name in names if list(names).count(name) > 1})
    if repeated:
        raise DataError(
            f"{where}: several columns are named '{repeated[0]}', expected one name for each column",
            hint="for a text without column names give --no-header; " + _columns_found(names),
        )


def _chosen(option: str, spelling: str, names: Sequence[str], where: str) -> int:
    if option.isdigit():
        if 1 <= int(option) <= len(names):
            return int(option) - 1
        raise DataError(
            f"{where}: {spelling} {option}: expected a position from 1 to {len(names)}",
            hint=_columns_found(names),
        )
    if option in names:
        return list(names).index(option)
    same = [index for index, name in enumerate(names) if name.casefold() == option.casefold()]
    if len(same) == 1:
        return same[0]
    raise DataError(f"{where}: there is no column '{option}' ({spelling})", hint=_columns_found(names))


def _candidates(role: str, names: Sequence[str], taken: set[int]) -> list[int]:
    free = [index for index in range(len(names)) if index not in taken]
    exact = [index for index in free if names[index].casefold() == role]
    return exact or [index for index in free if _ROLES_OF_NAMES.get(_squeeze(names[index])) == role]


def _undecided(
    role: str, candidates: list[str], names: Sequence[str], where: str, headerless: bool
) -> DataError:
    if candidates:
        what = f"the {role} may be any of the columns {', '.join(repr(name) for name in candidates)}"
    else:
        what = f"no column is known to be the {role}"
    name = "the position" if headerless else "the name or position"
    ways = f"give {name} of the {role} with --{role}-column"
    if role == "timestamp":
        ways += " (an empty one leaves timestamps out)"
    return DataError(f"{where}: {what}", hint=f"{ways}; {_columns_found(names)}")


def _columns_found(names: Sequence[str]) -> str:
    return f"columns found: {', '.join(names) or 'none'}"
