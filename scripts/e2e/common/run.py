"""A run of checks against the running program: its issuer, its gateway, and what is told of each check."""

import argparse
import base64
import json
import os
import pathlib
import re
import sys
import threading
import time
import urllib.request

from client import ask
from ports import free_port
from processes import Program, end_all, log_tails, until

REALM = 'Bearer realm="api"'
INVALID = f'{REALM}, error="invalid_token", error_description="The access token is not valid"'


class Run:
    """Parts of checks one after the other; a broken part is a failure, and no reason to skip the others."""

    # Seconds a whole run may take.
    time_limit = 180

    def __init__(self, options):
        self.options = options
        self.state = pathlib.Path(options.state)
        self.passed = 0
        self.failed = 0
        self._told = threading.Lock()
        self.issuer = Issuer(options.bearward, self.state)

    def main(self):
        """Runs everything; the result is the exit code."""
        threading.Thread(target=self._watch, daemon=True).start()
        for skipped in self.options.skip:
            print(f"skip  {skipped}")
        try:
            self.start()
            for what, part in self.parts():
                began = time.monotonic()
                self._guarded(what, part)
                print(f"time  {what}: {time.monotonic() - began:.1f} s")
        except Exception as error:  # pylint: disable=broad-except
            self.fail("the run", "an end", f"{type(error).__name__}: {error}")
        return self._finish()

    def start(self):
        """What all parts need."""

    def parts(self):
        """Pairs of a name and what to do."""
        raise NotImplementedError

    def check(self, what, found, expected):
        if found != expected:
            self.fail(what, expected, found)
            return
        self._pass(what)

    def holds(self, what, is_so, found):
        """For what is not an equality; `found` is shown either way."""
        if is_so:
            self._pass(f"{what}: {found}")
        else:
            self.fail(what, "it to hold", found)

    def fail(self, what, expected, found):
        with self._told:
            self.failed += 1
            print(f"FAIL {what} expected {expected} found {found}")

    def _pass(self, what):
        with self._told:
            self.passed += 1
            print(f"ok  {what}")

    def _guarded(self, what, part):
        try:
            part()
        except Exception as error:  # pylint: disable=broad-except
            self.fail(what, "an end", f"{type(error).__name__}: {error}")

    def _watch(self):
        time.sleep(self.time_limit)
        self.fail("the run", f"an end within {self.time_limit} s", "none")
        status = self._finish()
        sys.stdout.flush()
        # This is not the main thread, which alone can leave in order.
        end_all()
        os._exit(status)

    def _finish(self):
        is_optional = os.environ.get("BEARWARD_E2E_OPTIONAL") == "1"
        skipped = self.options.skip
        if self.failed:
            print(log_tails(self.state))
        if skipped and not is_optional:
            print("what was skipped counts as a failure; with BEARWARD_E2E_OPTIONAL=1 it would not")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or skipped and not is_optional else 0


class Issuer:
    """`bearward issuer`."""

    def __init__(self, bearward, state):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._bearward = bearward
        self._log = state / "issuer.log"

    def start(self):
        command = [self._bearward, "issuer", "--port", str(self.port)]
        program = Program("the issuer", command, self._log)
        program.listens(self.port)

    def mint(self, **asked):
        return self._post("/mint", asked)["token"]

    def rotate(self, **asked):
        return self._post("/rotate", asked)["kid"]

    def _post(self, path, body):
        with urllib.request.urlopen(f"{self.url}{path}", json.dumps(body).encode(), timeout=10) as answer:
            return json.load(answer)


class Gateway:
    """`bearward serve`, with a configuration in which @NAME@ stands for an address of its own."""

    DOORS = ("ADMIN", "FORWARD_AUTH", "PROXY")

    def __init__(self, bearward, folder, environment=None):
        self.ports = {door: free_port() for door in self.DOORS}
        self.addresses = {door: f"127.0.0.1:{port}" for door, port in self.ports.items()}
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config = self.folder / "bearward.toml"
        self.log = self.folder / "bearward.log"
        self.program = None
        self._bearward = bearward
        self._environment = environment

    @property
    def port(self):
        """Of the reverse proxy."""
        return self.ports["PROXY"]

    def write(self, text, **values):
        self.config.write_text(filled(text, {**self.addresses, **values}))

    def start(self):
        command = [self._bearward, "serve", "--config", str(self.config)]
        self.program = Program("bearward", command, self.log, self._environment)
        self.program.listens(self.ports["ADMIN"])
        until("bearward has keys", 20, self.is_ready, self.program)

    def is_ready(self):
        return self.admin("/readyz").status == 200

    def admin(self, path):
        return ask(self.ports["ADMIN"], path, host="127.0.0.1")

    def metric(self, name, **labels):
        """The sum of the samples of this name that have these labels."""
        text = self.admin("/metrics").body.decode()
        total = 0
        for line in text.splitlines():
            sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
            if not sample or sample[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', sample[2] or ""))
            if all(found.get(label) == value for label, value in labels.items()):
                total += float(sample[3])
        return total

    def log_text(self):
        return self.log.read_text(errors="replace")

    def memory(self):
        """Resident memory now and at its highest, in KiB."""
        status = pathlib.Path(f"/proc/{self.program.id}/status").read_text()
        return tuple(int(re.search(rf"{name}:\s*(\d+) kB", status)[1]) for name in ("VmRSS", "VmHWM"))

    def forget_peak(self):
        """The highest is that from now on."""
        pathlib.Path(f"/proc/{self.program.id}/clear_refs").write_text("5")


def filled(text, values):
    """The text with the value of NAME for each @NAME@."""
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    left = re.findall(r"@[A-Z_]+@", text)
    assert not left, f"nothing stands for {left}"
    return text


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def main(kind, *programs):
    """Runs the checks of `kind`, to which the entry script tells the paths of these programs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bearward", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--skip", action="append", default=[])
    for name in programs:
        parser.add_argument(f"--{name}")
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(kind(parser.parse_args()).main())
