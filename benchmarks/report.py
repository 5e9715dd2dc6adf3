"""The last whole run as tables and a chart: the part of benchmarks/README.md between its markers."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.cases import FILES, FRAMES, RESULTS

HERE = Path(__file__).parent
START, END = "<!-- results: written by make bench -->", "<!-- end of results -->"
HEAD = ["rows", "form", "bad", "variant", "seconds", "CPU s", "peak MB"]
RATIOS = {"naive": "x naive", "polars_script": "of polars", "plain": "x plain"}
NAMES = {
    "ours": "this tool",
    "naive": "the naive script",
    "polars_script": "the polars script",
    "copy": "polars' plain copy",
    "plain": "plain upload",
    "shipped": "this tool",
    "damaged": "this tool, all numbers damaged",
}


def write() -> None:
    """Put the last results into the README, and draw the chart."""
    cases = json.loads(RESULTS.read_text())
    readme = HERE / "README.md"
    before, _, rest = readme.read_text().partition(START)
    after = rest.partition(END)[2]
    readme.write_text(f"{before}{START}\n{_tables(cases)}\n{END}{after}")
    drawn = [case for case in cases if _is_file(case) and case["bad"] == 1 and case["form"] == "bare"]
    (HERE / "chart.svg").write_bytes(_chart(drawn))


def _tables(cases: Sequence[Mapping[str, Any]]) -> str:
    files = [case for case in cases if _is_file(case)]
    through = [case for case in cases if case["gbits"]]
    frames = [case for case in cases if set(case["results"]) == set(FRAMES)]
    shipped = [case for case in cases if "shipped" in case["results"]]
    packages = ", ".join(f"{name} {version(name)}" for name in ("pandas", "pandera", "polars", "boto3"))
    return "\n\n".join(
        [
            f"{os.cpu_count()} cores {_with_sha()}, {platform.system()} {platform.machine()}, "
            f"Python {platform.python_version()}, {packages}. "
            "Medians; in brackets the quickest and the slowest round.",
            "![Seconds by number of rows](chart.svg)",
            "### Files",
            _table(files, RATIOS),
            "`x naive` is how many times faster than the naive script, `of polars` the part of the polars "
            "script's time, `x plain` how many times the plain upload's time. 20 M rows are more than the "
            "scripts have memory for in a small container.",
            "### Through a line",
            "The same with a store at the other end of a line of 1 Gbit/s. What keeps up with the line costs "
            "no time but the start.",
            _table(through, ["plain"]),
            "### The shipped contract",
            "The example's contacts over and over by `schemas/contact.py`: fifteen columns, many scripts, "
            "addresses of several lines. Where all numbers are damaged, each of them went through a "
            "spreadsheet as a decimal (`919876543210.0`), and hardly a record is accepted.",
            _table(shipped, ["plain"]),
            "### Frames",
            "A frame of texts that a program holds already; seconds of `run` alone, peak with the frame.",
            _table(frames, []),
        ]
    )


def _with_sha() -> str:
    """Whether the processor has instructions for SHA-256, which the plain upload is mostly made of."""
    known = Path("/proc/cpuinfo")
    flags = known.read_text() if known.exists() else ""
    return "with SHA instructions" if " sha_ni" in flags or " sha2" in flags else "without SHA instructions"


def _is_file(case: Mapping[str, Any]) -> bool:
    return set(case["results"]) <= set(FILES) and not case["gbits"]


def _table(cases: Iterable[Mapping[str, Any]], ratios: Iterable[str]) -> str:
    head = [*HEAD, *(RATIOS[name] for name in ratios)]
    lines = [head, ["---:" if name not in ("form", "variant") else "---" for name in head]]
    lines += [_row(case, name, ratios) for case in cases for name in case["results"]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(case: Mapping[str, Any], name: str, ratios: Iterable[str]) -> list[str]:
    results = case["results"]
    median = {variant: statistics.median(result["wall"]) for variant, result in results.items()}
    wall, own = results[name]["wall"], median[name]
    return [
        f"{case['rows']:,}",
        "example" if "shipped" in results else case["form"],
        "most" if name == "damaged" else f"{case['bad']:g} %",
        NAMES.get(name, name),
        f"{own:.2f} ({min(wall):.2f} to {max(wall):.2f})",
        f"{statistics.median(results[name]['cpu']):.2f}",
        f"{results[name]['peak'] / 1e6:,.0f}",
        *(_ratio(own, median.get(other), faster=other == "naive") for other in ratios),
    ]


def _ratio(own: float, other: float | None, *, faster: bool) -> str:
    if other is None:
        return ""
    return f"{other / own:.1f}" if faster else f"{own / other:.2f}"


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
