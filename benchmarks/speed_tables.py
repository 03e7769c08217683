"""What `benchmarks.speed` has found, as tables."""

from __future__ import annotations

from typing import Any

from benchmarks.phases import PHASES
from benchmarks.results import print_table


def tell(figures: dict[str, Any]) -> None:
    """Print the figures as tables."""
    machine, data, work = figures["machine"], figures["ratings"], figures["work_a_rating"]
    print(", ".join(f"{name} {value}" for name, value in machine.items()))
    print(
        f"{data['name']}: {data['ratings']:,} ratings, {data['levels']} levels; rows of users, "
        f"F={figures['settings']['hidden']}, mini-batch {figures['settings']['batch_size']}"
    )
    print_table(
        f"An epoch, best of {figures['settings']['rounds']}; {work['multiply_adds']:,.0f} multiply-adds and "
        f"about {work['bytes']:,.0f} bytes a rating",
        [
            "objective",
            "threads",
            "seconds",
            "ns a rating",
            "M ratings/s",
            "speedup",
            "cores had",
            "of sgemm",
            "of copying",
        ],
        [
            [
                each["objective"],
                each["threads"],
                f"{each['seconds']:.3f}",
                f"{each['ns_a_rating']:.1f}",
                f"{each['ratings_a_second'] / 1e6:.2f}",
                f"{each['speedup']:.2f}",
                f"{each['cores_had']:.2f}",
                _share(each["share_of_sgemm"]),
                _share(each["share_of_copying"]),
            ]
            for each in figures["epochs"]
        ],
    )
    threads = sorted({each["threads"] for each in figures["phases"]})
    nanoseconds = {(each["phase"], each["threads"]): each["ns_a_rating"] for each in figures["phases"]}
    parts = [[phase, *(nanoseconds[phase, count] for count in threads)] for phase in PHASES]
    sums = ["sum", *(sum(nanoseconds[phase, count] for phase in PHASES) for count in threads)]
    print_table(
        "Phases of CD-1, ns a rating",
        ["phase", *(f"{count} thread" + "s" * (count > 1) for count in threads)],
        [[row[0], *(f"{value:.1f}" for value in row[1:])] for row in [*parts, sums]],
    )
    rates, planning, memory = figures["machine_a_second"], figures["planning"], figures["memory"]
    print_table(
        "Beside it",
        ["what", "figure", "unit"],
        [
            ["planning the mini-batches, once", f"{planning['ns_a_rating']:.1f}", "ns a rating"],
            ["sgemm, one thread", f"{rates['multiply_adds'] / 1e9:.1f}", "G multiply-adds/s"],
            ["copying, one thread", f"{rates['bytes'] / 1e9:.1f}", "GB/s, read and written"],
            *(
                [
                    f"epoch with {each['factor']:.1f} x the {each['of']}",
                    f"{each['time_factor']:.2f}",
                    "x the time",
                ]
                for each in figures["growth"]
            ),
            ["peak memory, imports alone", _megabytes(memory["imports_bytes"]), "MB"],
            ["peak memory, a handful of ratings", _megabytes(memory["a_handful_of_ratings_bytes"]), "MB"],
            ["peak memory, all ratings", _megabytes(memory["all_ratings_bytes"]), "MB"],
            ["ratings themselves", _megabytes(memory["ratings_bytes"]), "MB"],
            ["parameters themselves", _megabytes(memory["parameters_bytes"]), "MB"],
            ["peak beyond imports", f"{memory['beyond_imports_over_both']:.1f}", "x ratings and parameters"],
            [
                "peak beyond a handful",
                f"{memory['beyond_a_handful_over_both']:.1f}",
                "x ratings and parameters",
            ],
        ],
    )


def _share(value: float | None) -> str | None:
    return None if value is None else f"{100 * value:.1f} %"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f}"
