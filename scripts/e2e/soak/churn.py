"""Issuers whose keys come and go, that fail and are flooded, and one that is in the configuration at times: what must
become of their tokens at each moment, and threads that ask.
"""

import json
import random
import signal
import threading
import time
import traceback

from client import ask
from doors import ForwardAuth, Proxy
from processes import until
from tokens import Mint, kid_of, of_unknown_keys

# Seconds in which the budget for unknown keys is whole again, with some more.
BUDGET_REFILL = 62


class Key:
    """A key, with a token that it has signed."""

    def __init__(self, kid, token):
        self.kid = kid
        self.token = token
        # When the gateway was seen to have it, when the issuer took it back, when the gateway was seen without it.
        self.known = None
        self.dropped = None
        self.forgotten = None


class Changing:
    """An issuer that rotates its keys, fails, and is flooded with tokens of keys that it does not have."""

    def __init__(self, churn, url, phase, faults):
        self.url = url
        self._churn = churn
        self._mint = Mint(url)
        self._phase = phase
        self._faults = faults
        self._lock = threading.Lock()
        self._keys = [self._key(known=True)]
        self._troubles = []
        self.rotations = 0
        self.broken = []

    def _key(self, known=False):
        token = self._mint.token("changing")
        key = Key(kid_of(token), token)
        key.known = time.monotonic() if known else None
        return key

    # What happens

    def happen(self):
        """Once around. No token of an unknown key may be sent for a minute before a rotation: it would cost the budget."""
        pause = self._churn.pause
        pause(self._phase)
        while not self._churn.stopped.is_set():
            self.rotate(drop=False)
            pause(5)
            self.fail(next(self._faults))
            pause(BUDGET_REFILL)
            if self._churn.stopped.is_set():
                return
            self.rotate(drop=True)
            pause(5)
            self.flood()
            with self._lock:
                self._keys = [key for key in self._keys if not key.dropped]
            pause(BUDGET_REFILL)

    def rotate(self, drop):
        """The first request with the new key brings it here. With `drop`, the gateway has forgotten the others by then."""
        before = time.monotonic()
        if drop:
            with self._lock:
                for key in self._keys:
                    key.dropped = before
        self._mint.rotate(drop)
        key = self._key()
        with self._lock:
            self._keys.append(key)
        self.ask(key)
        until("the gateway has the new key", 20, lambda: key.kid in self._state()["kids"])
        with self._lock:
            key.known = time.monotonic()
            gone = [key for key in self._keys if key.dropped]
        if gone:
            kids = self._state()["kids"]
            now = time.monotonic()
            for key in gone:
                self._churn.check("a dropped key is gone when the new one is there", key.kid in kids, False)
                key.forgotten = now
        self.rotations += 1

    def fail(self, fault):
        """Nothing that is known is lost by it."""
        trouble = self._trouble()
        self._mint.break_down(fault)
        self.broken.append(fault)
        self._unknown(3)
        self._churn.pause(7)
        self._mint.recover()
        # As long as it backs off, an unknown key is answered with 503.
        end = time.monotonic() + 100
        while self._state()["last_error"] and time.monotonic() < end and not self._churn.stopped.is_set():
            time.sleep(0.2)
        trouble[1] = time.monotonic()

    def flood(self):
        trouble = self._trouble()
        end = time.monotonic() + 5
        while time.monotonic() < end and not self._churn.stopped.is_set():
            self._unknown(50)
        trouble[1] = time.monotonic()

    def _trouble(self):
        trouble = [time.monotonic(), None]
        with self._lock:
            self._troubles.append(trouble)
        return trouble

    def _unknown(self, count):
        door = ForwardAuth(self._churn.gateway.ports["FORWARD_AUTH"])
        for token in of_unknown_keys(self._keys[-1].token, count):
            status, user = door.ask(token, "changing")
            # Through nginx, 503 is 403.
            self._churn.verdict("a key that does not exist", status, user, {401, 403}, None)
        door.close()

    # What must come of it

    def ask(self, key=None, door=None):
        with self._lock:
            key = key or random.choice(self._keys)
        door = door or Proxy(self._churn.gateway.port)
        began = time.monotonic()
        status, user = door.ask(key.token, "changing")
        allowed = self._allowed(key, began, time.monotonic())
        self._churn.verdict(f"a token of a changing issuer, {status}", status, user, allowed, "changing")

    def _allowed(self, key, began, ended):
        with self._lock:
            troubled = any(start <= ended and (end is None or began <= end) for start, end in self._troubles)
            # Through nginx, 503 is 403.
            refused = {401, 403, 503} if troubled else {401}
            allowed = set()
            if key.forgotten is None or began < key.forgotten:
                allowed |= {200}
            if key.dropped is not None and ended >= key.dropped:
                allowed |= refused
            if troubled and (key.known is None or began < key.known):
                allowed |= refused
            return allowed

    def _state(self):
        answer = ask(self._churn.gateway.ports["ADMIN"], "/issuers", host="127.0.0.1")
        return next(state for state in json.loads(answer.body)["issuers"] if state["issuer"] == self.url)


class Reloads:
    """The configuration anew every few seconds: with the passing issuer and without it, and at times broken."""

    def __init__(self, churn, text, passing):
        self._churn = churn
        self._with = text
        begin, end = text.index("[[issuers]]\nissuer = \"" + passing), text.index("[[routes]]")
        self._without = text[:begin] + text[end:]
        self._broken = text.replace("[[routes]]", "[[rotes]]")
        self._lock = threading.Lock()
        self._token = Mint(passing).token("passing")
        # Whether it is in there, or None while that changes; how often that was so.
        self._is_in, self._changes = True, 0
        self.applied = self.refused = 0

    def happen(self):
        pause = self._churn.pause
        pause(3)
        turn = 0
        while not self._churn.stopped.is_set():
            turn += 1
            if turn % 5 == 0:
                self._put(self._broken, "refused")
                self.refused += 1
            else:
                self._change(turn % 2 == 0)
                self.applied += 1
            pause(3)
        self._change(True)

    def _change(self, is_in):
        with self._lock:
            self._is_in = None if is_in != self._is_in else is_in
            self._changes += 1
        self._put(self._with if is_in else self._without, "applied")
        with self._lock:
            self._is_in = is_in
            self._changes += 1

    def _put(self, text, outcome):
        gateway = self._churn.gateway
        before = gateway.metric("bearward_reloads_total", outcome=outcome)
        gateway.config.write_text(text)
        gateway.program.tell(signal.SIGHUP)
        until(f"reload {outcome}", 20, lambda: gateway.metric("bearward_reloads_total", outcome=outcome) > before)
        # What the change of the file brings beside the signal.
        time.sleep(0.5)

    def ask(self, door):
        with self._lock:
            is_in, changes = self._is_in, self._changes
        status, user = door.ask(self._token, "passing")
        with self._lock:
            is_still_so = changes == self._changes
        allowed = {200, 401} if is_in is None or not is_still_so else {200} if is_in else {401}
        self._churn.verdict(f"a token of an issuer that comes and goes, {status}", status, user, allowed, "passing")


class Churn:
    def __init__(self, run, gateway, stopped):
        self.run = run
        self.gateway = gateway
        self.stopped = stopped
        self.changing = []
        self.reloads = None
        self._threads = []

    def start(self):
        for changing in self.changing:
            self._thread(changing.happen)
            for door in (ForwardAuth(self.gateway.ports["FORWARD_AUTH"]), Proxy(self.gateway.port)):
                self._thread(self._asking(lambda changing=changing, door=door: changing.ask(door=door)))
        self._thread(self.reloads.happen)
        for door in (ForwardAuth(self.gateway.ports["FORWARD_AUTH"]), Proxy(self.gateway.port)):
            self._thread(self._asking(lambda door=door: self.reloads.ask(door)))

    def join(self):
        for thread in self._threads:
            thread.join(60)
            self.check(f"{thread.name} comes to its end", thread.is_alive(), False)

    def pause(self, seconds):
        self.stopped.wait(seconds)

    def check(self, what, found, expected):
        if found != expected:
            self.run.fail(what, expected, found)

    def verdict(self, what, status, user, allowed, expected):
        if status in allowed and user == (expected if status == 200 else None):
            self.run.account.right(what)
        else:
            self.run.account.fail(what, f"{status} for {user} where it must be {sorted(allowed)}")

    def _asking(self, once):
        def asking():
            while not self.stopped.is_set():
                once()
                time.sleep(0.02)

        return asking

    def _thread(self, what):
        def guarded():
            try:
                what()
            except Exception as error:  # pylint: disable=broad-except
                traceback.print_exc()
                self.run.fail("churn", "an end", f"{type(error).__name__}: {error}")

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()
