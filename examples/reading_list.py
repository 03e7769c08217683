"""Print what a reader liked and what is recommended to them, with titles in place of ids.

Stands at the end of `make demo`, and shows how the files join a catalogue that rbmcli knows nothing of:

    python examples/reading_list.py 49298 --history demo/prepared/train.parquet \\
        --recommendations demo/recommendations.parquet --catalogue sample_data/items.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

LIKED = 5
TITLE_WIDTH = 68


def reading_list(
    reader: int, history: pd.DataFrame, recommendations: pd.DataFrame, titles: pd.Series
) -> list[str]:
    """Return the lines to print.

    Parameters
    ----------
    reader : int
        Id of the reader, in the column `user` of both frames.
    history : pandas.DataFrame
        Ratings: `user`, `item`, `rating`.
    recommendations : pandas.DataFrame
        What `rbmcli recommend` wrote: `user`, `rank`, `item`, `score`.
    titles : pandas.Series
        Title of each item, by its id.

    Raises
    ------
    SystemExit
        If nothing is recommended to the reader.
    """
    rated = history[history["user"] == reader]
    found = recommendations[recommendations["user"] == reader]
    if found.empty:
        raise SystemExit(f"nothing is recommended to reader {reader}: is it a user of the history?")
    # Ids of this catalogue grow from the most read book on, so the first are the best known.
    liked = rated.sort_values(["rating", "item"], ascending=[False, True]).head(LIKED)
    return [
        f"Reader {reader} has rated {len(rated)} books in the training part, among them",
        *(f"   {row.rating:.0f}     {_short(titles[row.item])}" for row in liked.itertuples()),
        "and may like, with the rating that is expected,",
        *(f"   {row.score:.2f}  {_short(titles[row.item])}" for row in found.itertuples()),
    ]


def _short(title: str) -> str:
    return title if len(title) <= TITLE_WIDTH else title[: TITLE_WIDTH - 1].rstrip() + "…"


def main() -> None:
    """Read the files that the command line names, and print."""
    parser = argparse.ArgumentParser(description="Print what a reader liked and what is recommended to them.")
    parser.add_argument("reader", type=int, help="id of the reader")
    parser.add_argument("--history", type=Path, required=True, help="ratings, Parquet")
    parser.add_argument("--recommendations", type=Path, required=True, help="what rbmcli recommend wrote")
    parser.add_argument("--catalogue", type=Path, required=True, help="CSV with columns item and title")
    options = parser.parse_args()
    titles = pd.read_csv(options.catalogue, index_col="item")["title"].str.strip()
    history = pd.read_parquet(options.history)
    recommendations = pd.read_parquet(options.recommendations)
    print("\n".join(reading_list(options.reader, history, recommendations, titles)))


if __name__ == "__main__":
    main()
