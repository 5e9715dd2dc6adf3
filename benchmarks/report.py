"""The results of a whole run as tables and a chart: the part of benchmarks/README.md between its markers."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.run import FILES, FRAMES, RESULTS

HERE = Path(__file__).parent
START, END = "<!-- results: written by make bench -->", "<!-- end of results -->"
HEAD = ["rows", "bad", "variant", "seconds", "µs a row", "CPU s", "peak MB", "x naive", "x plain"]
NAMES = {
    "ours": "this tool",
    "naive": "the naive script",
    "plain": "plain upload",
    "shipped": "this tool",
    "damaged": "this tool, all numbers damaged",
}


def write() -> None:
    """Put the last results into the README, and draw the chart."""
    results = json.loads(RESULTS.read_text())
    cases = results["cases"]
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n{_tables(**results)}\n{END}{after}")
    (HERE / "chart.svg").write_bytes(_chart([case for case in cases if _is_file(case) and case["bad"] == 1]))


def _tables(cases: Sequence[Mapping[str, Any]], profile: str, bound: str) -> str:
    files = [case for case in cases if _is_file(case)]
    through = [case for case in cases if case["gbits"]]
    frames = [case for case in cases if set(case["results"]) == set(FRAMES)]
    slices = [case for case in cases if all(name.isdigit() for name in case["results"])]
    shipped = [case for case in cases if "shipped" in case["results"]]
    packages = ", ".join(f"{name} {version(name)}" for name in ("pandas", "pandera", "polars", "boto3"))
    return "\n\n".join(
        [
            f"{os.cpu_count()} cores {_with_sha()}, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, {packages}. "
            "Medians; in brackets the quickest and the slowest round.",
            "![Seconds by number of rows](chart.svg)",
            "### Files",
            _table(HEAD, [_row(case, name) for case in files for name in case["results"]]),
            "`x naive` is how many times faster than the naive script, `x plain` how many times the plain "
            "upload's time. 20 M rows are more than the naive script has memory for in a small container.",
            "### Through a line",
            "The same with a store at the other end of a line of 1 Gbit/s. What keeps up with the line costs "
            "no time but the start.",
            _without_naive(through),
            "### The shipped contract",
            "The example's contacts over and over by `schemas/contact.py`: fifteen columns, many scripts, "
            "addresses of several lines. Where all numbers are damaged, each of them went through a "
            "spreadsheet as a decimal (`919876543210.0`), and hardly a record is accepted.",
            _without_naive(shipped),
            "### Frames",
            "A frame of texts that a program holds already; seconds of `run` alone, peak with the frame.",
            _table(["rows", "frame", "seconds", "peak MB"], _short(frames)),
            "### Slices",
            "The same file in slices of another size; seconds of `run` alone.",
            _table(["rows", "MiB", "seconds", "peak MB"], _short(slices)),
            "### Where the time goes",
            "CPU seconds of the tool's own process by its innermost function on the stack. The judge has a "
            "process of its own, which is not in them.",
            f"```\n{profile.strip()}\n```",
            "### What the next bound is",
            "Each step by itself, one at a time, beside whole processes. The largest is one regular "
            "expression for the whole record; polars reads a byte by it no slower than by any other, so "
            "only what does without it, or starts in less time, would be much faster.",
            f"```\n{bound.rstrip()}\n```",
        ]
    )


def _with_sha() -> str:
    """Whether the processor has instructions for SHA-256, which the plain upload is mostly made of."""
    known = Path("/proc/cpuinfo")
    flags = known.read_text() if known.exists() else ""
    return "with SHA instructions" if " sha_ni" in flags or " sha2" in flags else "without SHA instructions"


def _is_file(case: Mapping[str, Any]) -> bool:
    return set(case["results"]) <= set(FILES) and not case["gbits"]


def _row(case: Mapping[str, Any], name: str) -> list[str]:
    results = case["results"]
    median = {variant: statistics.median(result["wall"]) for variant, result in results.items()}
    wall, own = results[name]["wall"], median[name]
    return [
        f"{case['rows']:,}",
        "most" if name == "damaged" else f"{case['bad']:g} %",
        NAMES[name],
        f"{own:.2f} ({min(wall):.2f} to {max(wall):.2f})",
        f"{own / case['rows'] * 1e6:.2f}",
        f"{statistics.median(results[name]['cpu']):.2f}",
        f"{results[name]['peak'] / 1e6:,.0f}",
        f"{median['naive'] / own:.1f}" if "naive" in median else "",
        f"{own / median['plain']:.2f}" if "plain" in median else "",
    ]


def _without_naive(cases: Iterable[Mapping[str, Any]]) -> str:
    rows = [_row(case, name) for case in cases for name in case["results"]]
    return _table([*HEAD[:-2], HEAD[-1]], [[*row[:-2], row[-1]] for row in rows])


def _short(cases: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            f"{case['rows']:,}",
            name,
            f"{statistics.median(result['wall']):.2f}",
            f"{result['peak'] / 1e6:,.0f}",
        ]
        for case in cases
        for name, result in case["results"].items()
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:" if name not in ("variant", "frame") else "---" for name in head], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _chart(cases: Sequence[Mapping[str, Any]]) -> bytes:
    """Seconds over rows, both logarithmic, a line for each variant, as SVG."""
    import pygal
    from pygal.style import CleanStyle

    chart = pygal.XY(
        title="Seconds from start to exit, by millions of rows (1 % bad)",
        logarithmic=True,
        xrange=(0.1, 20),
        js=[],
        no_prefix=True,
        explicit_size=True,
        width=800,
        height=420,
        style=CleanStyle,
        show_dots=True,
        print_labels=True,
    )
    for name in FILES:
        chart.add(
            NAMES[name],
            [
                (case["rows"] / 1e6, statistics.median(case["results"][name]["wall"]))
                for case in sorted(cases, key=lambda case: case["rows"])
                if name in case["results"]
            ],
        )
    return bytes(chart.render())


if __name__ == "__main__":
    write()
