"""Folders, cores, and what the machine is."""

import datetime
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parent
ROOT = BENCH.parent
WORK = BENCH / "target" / "outer"

# Debian keeps daemons where only root looks.
os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"

_cores = sorted(os.sched_getaffinity(0))
# What is measured has a core of its own; the load, the issuer and the application behind share the other.
SERVER_CORE = _cores[0]
LOAD_CORE = _cores[-1]


def is_alone():
    """Whether the server's core is its own; if not, the figures are worth little."""
    return SERVER_CORE != LOAD_CORE


def state(name):
    """An empty folder for the files and logs of one benchmark."""
    folder = WORK / "state" / name
    subprocess.run(["rm", "-rf", folder], check=True)
    folder.mkdir(parents=True)
    return folder


def loudly(text):
    """What nobody should miss."""
    print(f"!! {text}", file=sys.stderr, flush=True)


def commit():
    """What is measured."""
    asked = ["git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude", "*"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def machine():
    """What the figures belong to."""
    model = "an unknown processor"
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {
        "processor": model,
        "cores": len(_cores),
        "kernel": os.uname().release,
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "load": round(os.getloadavg()[0], 1),
    }
