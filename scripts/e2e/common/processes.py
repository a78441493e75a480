"""The programs under test as child processes, each ended by its own id."""

import atexit
import pathlib
import signal
import socket
import subprocess
import sys
import time

_running = []


class Program:
    """A program that listens on loopback, with its output in a log."""

    def __init__(self, name, command, log, environment=None):
        self.name = name
        self.log = pathlib.Path(log)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
            )
        _running.append(self)

    def listens(self, port, seconds=20):
        """Waits until it takes connections on this port."""
        until(f"{self.name} listens", seconds, lambda: _accepts(port), self)

    def ended(self):
        return self._process.poll() is not None

    @property
    def id(self):
        return self._process.pid

    def tell(self, number):
        """Sends it a signal."""
        self._process.send_signal(number)

    def exit_code(self, seconds):
        """Waits for its end; `None` if it goes on."""
        try:
            status = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        if self in _running:
            _running.remove(self)
        return status

    def pause(self):
        """It keeps its port and its connections, and does nothing any more."""
        self._process.send_signal(signal.SIGSTOP)
        # Its threads stop one by one.
        until(f"{self.name} is paused", 5, self._is_paused, self)

    def _is_paused(self):
        states = pathlib.Path(f"/proc/{self.id}/task").glob("*/stat")
        return all(state.read_text().rpartition(")")[2].split()[0] == "T" for state in states)

    def kill(self):
        """Without a chance to say goodbye."""
        if not self.ended():
            self._process.kill()
        self._process.wait()
        if self in _running:
            _running.remove(self)


def until(what, seconds, condition, program=None):
    """Polls until `condition` is true; an OSError counts as "not yet"."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if program is not None and program.ended():
            raise RuntimeError(f"{what}: it ended; see {program.log}")
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"{what}: not within {seconds} s")


def log_tails(state, lines=15):
    """The ends of all logs: what a person wants to see first when a check failed."""
    tails = []
    for log in sorted(pathlib.Path(state).rglob("*.log")):
        text = log.read_text(errors="replace").rstrip().splitlines()
        if text:
            tails.append("\n".join([f"--- the end of {log}", *text[-lines:]]))
    return "\n".join(tails)


def _accepts(port):
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


def end_all():
    for program in list(_running):
        program.kill()


def _interrupted(_signal, _frame):
    sys.exit(130)


atexit.register(end_all)
for _name in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(_name, _interrupted)
