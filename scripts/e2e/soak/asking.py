"""Good tokens of several users and spoilt ones of every kind at each door, one after the other: `asking.py PLAN`."""

import os
import random
import threading
import time

from doors import ExtAuthz, ForwardAuth, Proxy
from tokens import Mint, of_unknown_keys
from worker import work

# What a client says it is, in spellings that an application may take for the identity fields.
SPOOFED = [
    "X-Authgear-User-Id",
    "x-AUTHGEAR-user-ID",
    "x_authgear_user_id",
    "X_Authgear_User-Id",
    "X.Authgear.User.Id",
    "X~Authgear+User!Id",
    "X-Authgear-User-Roles",
    "X_AUTHGEAR_USER_ROLES",
    "X-Authgear-Session-Valid",
]


class Asking:
    """At one door. Of its tokens half are good."""

    def __init__(self, plan, account, name, door):
        self.__name__ = name
        self._plan = plan
        self._account = account
        self._door = door
        self._any_good = plan["tokens"][0][1]

    def __call__(self):
        chance = random.random()
        if chance < 0.5:
            user, token = random.choice(self._plan["tokens"])
            self._expect("good", token, user, {(200, user)}, "admitted")
        elif chance < 0.6:
            user, token = random.choice(self._plan["tokens"])
            spoofed = [(name, "forged") for name in random.sample(SPOOFED, 3)]
            self._expect("good, with forged fields", token, user, {(200, user)}, "admitted", spoofed)
        elif chance < 0.9:
            what, token, reason = random.choice(self._plan["spoilt"])
            self._expect(what, token, "nobody", {(401, None)}, reason)
        else:
            (token,) = of_unknown_keys(self._any_good, 1)
            self._expect("of an unknown key", token, "nobody", {(401, None)}, "kid_unknown")

    def _expect(self, what, token, user, allowed, reason, extra=()):
        found = self._door.ask(token, user, extra)
        if found in allowed:
            self._account.right(f"{self.__name__}: {what}", reason)
        else:
            self._account.fail(f"{self.__name__}: {what}", f"{found} where it must be {allowed}")


class Expiring:
    """A token is good until its end and the leeway, and not a second longer, though it is remembered."""

    LEEWAY = 5

    def __init__(self, plan, account):
        self._mint = Mint(plan["steady"])
        self._account = account
        self._doors = [ForwardAuth(plan["forward_auth"]), Proxy(plan["proxy"])]
        self._tokens = []
        self._next = 0

    def __call__(self):
        now = time.time()
        if now >= self._next:
            self._next = now + 1
            self._tokens.append((self._mint.token("soon", expires_in=4), int(now) + 4))
            self._tokens = self._tokens[-16:]
        token, end = random.choice(self._tokens)
        began = time.time()
        status, user = random.choice(self._doors).ask(token, "soon")
        ended = time.time()
        # A second for the one in which the issuer has read its clock.
        allowed = {200, 401}
        if ended < end + self.LEEWAY:
            allowed = {200}
        elif began > end + self.LEEWAY + 1:
            allowed = {401}
        if status in allowed and user == ("soon" if status == 200 else None):
            self._account.right(f"a token that ends: {status}", "token_expired" if status == 401 else None)
        else:
            self._account.fail("a token that ends", f"{status}, {user} where it must be {allowed}")
        time.sleep(0.01)


def loops(plan, account, _stopped):
    yield Asking(plan, account, "forward auth", ForwardAuth(plan["forward_auth"]))
    yield Asking(plan, account, "reverse proxy", Proxy(plan["proxy"]))
    yield Asking(plan, account, "ext_authz", ExtAuthz(plan["ext_authz"]))
    yield Expiring(plan, account)


if __name__ == "__main__":
    threading.stack_size(1 << 20)
    work(loops)
    # gRPC has threads of its own.
    os._exit(0)
