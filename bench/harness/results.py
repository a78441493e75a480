"""What a benchmark found: rows for a reader, figures for the table of targets, both kept as JSON."""

import argparse
import json
import pathlib

from . import place

# Where a run leaves its figures; `bench/run` makes the results from them.
FOUND = place.WORK / "found"


def arguments(description):
    """The one option that all have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--quick", action="store_true", help="fewer and shorter rounds, to see that it works: the figures are rough"
    )
    return parser.parse_args()


class Found:
    """The findings of one benchmark."""

    def __init__(self, name, title, quick):
        self._name = name
        self._found = {
            "title": title,
            "quick": quick,
            "machine": place.machine(),
            "tables": [],
            "targets": [],
            "missing": [],
        }
        if not place.is_alone():
            place.loudly("only one core: server and load share it, the figures are worth little")

    def missing(self, peer, why):
        """A peer that could not take part."""
        place.loudly(f"{peer} takes no part: {why}")
        self._found["missing"].append({"peer": peer, "why": str(why)})

    def table(self, title, columns, rows):
        """Rows of text and numbers under these columns."""
        self._found["tables"].append({"title": title, "columns": columns, "rows": rows})
        print(f"\n{title}\n\n{markdown(columns, rows)}", flush=True)

    def at_most(self, what, target, measured, unit=""):
        """A row of the table of targets."""
        self._target(what, "at most", target, measured, unit, measured <= target)

    def at_least(self, what, target, measured, unit=""):
        """A row of the table of targets."""
        self._target(what, "at least", target, measured, unit, measured >= target)

    def _target(self, what, bound, target, measured, unit, met):
        row = {"what": what, "bound": bound, "target": target, "measured": measured, "unit": unit, "met": met}
        self._found["targets"].append(row)

    def keep(self):
        """Prints the targets, and leaves everything for `bench/run`."""
        FOUND.mkdir(parents=True, exist_ok=True)
        (FOUND / f"{self._name}.json").write_text(json.dumps(self._found, indent=1, ensure_ascii=False) + "\n")
        if self._found["targets"]:
            print(f"\n{targets_table(self._found['targets'])}", flush=True)


def targets_table(rows):
    """Measured against target."""
    cells = [
        [row["what"], f"{row['bound']} {number(row['target'])}{row['unit']}", f"{number(row['measured'])}{row['unit']}",
         "met" if row["met"] else "**missed**"]
        for row in rows
    ]
    return markdown(["what", "target", "measured", ""], cells)


def markdown(columns, rows):
    """A table; numbers stand to the right."""
    is_number = [all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(columns))]
    lines = [columns, ["---:" if right else "---" for right in is_number]]
    lines += [[number(cell) if isinstance(cell, (int, float)) else cell for cell in row] for row in rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value):
    """Three digits that say something."""
    if value == int(value) or abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def load(name):
    """What the last run of a benchmark found, if there was one."""
    file = pathlib.Path(FOUND / f"{name}.json")
    return json.loads(file.read_text()) if file.exists() else None
