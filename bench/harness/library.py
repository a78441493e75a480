"""What the benchmark in process prints, as findings like those of the others."""

import re
import subprocess

from . import place, programs, results


def run(quick):
    """Runs it on the server's core."""
    found = results.Found("library", "In process", quick)
    command = ["taskset", "-c", str(place.SERVER_CORE), programs.tool("bearward-bench")]
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    for columns, rows in tables(done.stdout):
        if columns[:3] == ["what", "at most", "measured"]:
            for what, target, measured, *_ in rows:
                found.at_most(what, float(target), float(measured))
        else:
            found.table("In process", columns, rows)
    found.keep()


def tables(text):
    """Header and rows of each table, cells by `|`, with a line of dashes below the header."""
    found, rows = [], None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) < 2:
            rows = None
        elif re.fullmatch(r"[-:|\s]+", line):
            pass
        elif rows is None:
            rows = []
            found.append((cells, rows))
        else:
            rows.append(cells)
    return found


def times(found, algorithm):
    """By column, the µs of one call with a token of this algorithm: the bare signature check, bearward, and peers."""
    for table in found["tables"]:
        for row in table["rows"]:
            if row[0] == algorithm:
                cells = zip(table["columns"][1:], row[1:])
                return {name: float(cell.split()[0]) for name, cell in cells if cell.endswith("µs")}
    return {}
