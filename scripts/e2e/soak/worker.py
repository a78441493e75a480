"""A process of its own that asks until it is told to stop, and then says what it saw: `… PLAN`.

The plan is a file of JSON with what it needs to know; its account goes to the file that the plan names as `account`.
"""

import collections
import json
import pathlib
import random
import signal
import sys
import threading
import time


class Account:
    """What was asked, and what was answered otherwise than it must be."""

    def __init__(self):
        self._lock = threading.Lock()
        self.requests = collections.Counter()
        self.reasons = collections.Counter()
        self.wrong = 0
        self.first = []

    def right(self, what, reason=None):
        with self._lock:
            self.requests[what] += 1
            if reason:
                self.reasons[reason] += 1

    def fail(self, what, why):
        with self._lock:
            self.requests[what] += 1
            self.wrong += 1
            if len(self.first) < 20:
                self.first.append(f"{what}: {why}")

    def told(self):
        with self._lock:
            return {
                "requests": dict(self.requests),
                "reasons": dict(self.reasons),
                "wrong": self.wrong,
                "first": self.first,
            }


def work(loops):
    """Calls each function of `loops(plan, account, stopped)` over and over, in a thread of its own."""
    plan = json.loads(pathlib.Path(sys.argv[1]).read_text())
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    random.seed(plan["seed"])
    account = Account()
    threads = [threading.Thread(target=forever, args=(loop, account, stopped)) for loop in loops(plan, account, stopped)]
    for thread in threads:
        thread.start()
    while not stopped.wait(0.5):
        pass
    end = time.monotonic() + 45
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
        if thread.is_alive():
            account.fail("the end", f"{thread.name} does not come to one")
    pathlib.Path(plan["account"]).write_text(json.dumps(account.told()))


def forever(loop, account, stopped):
    while not stopped.is_set():
        try:
            loop()
        except Exception as error:  # pylint: disable=broad-except
            account.fail(getattr(loop, "__name__", "a loop"), f"{type(error).__name__}: {error}")
            stopped.wait(0.2)
