"""What the benchmarks in process print, as findings like those of the others."""

import re
import subprocess

from . import place, programs, results

# What is counted has a program of its own: an allocator that counts takes time.
TOOLS = ("bearward-bench", "allocations")


def run(quick):
    """Runs them on the server's core."""
    found = results.Found("library", "In process", quick)
    for tool in TOOLS:
        command = ["taskset", "-c", str(place.SERVER_CORE), programs.tool(tool)]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
        for title, columns, rows in tables(done.stdout):
            if columns[:3] == ["what", "at most", "measured"]:
                for what, target, measured, *_ in rows:
                    found.at_most(what, float(target), float(measured))
            else:
                found.table(title, columns, rows)
    found.keep()


def tables(text):
    """Title, header and rows of each table: cells by `|`, a line of dashes below the header, the title before it."""
    found, rows, title = [], None, ""
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) < 2:
            rows, title = None, line.strip() or title
        elif re.fullmatch(r"[-:|\s]+", line):
            pass
        elif rows is None:
            rows = []
            found.append((title, cells, rows))
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
