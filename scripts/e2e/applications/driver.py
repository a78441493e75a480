"""Real application servers behind the reverse proxy: no request reaches a handler that its route did not decide on.

Each server has the same handlers in its framework's own router (`python/`, `ruby/`, …). A handler says which it is, and
what its framework sees of the request. The routes are those of the manual: `/admin` and `/exact` are for staff, `/healthz`
and `/public` for everybody, and what is left for any token. For another host, those for everybody are tolerant, and nothing is left.
"""

import collections
import functools
import json
import os
import random

import fields
import servers
import wire
from processes import until
from run import Gateway, Run, main
from targets import Targets

ROUTES = """
[[routes]]
name = "@NAME@ healthz"
hosts = "@HOST@"
path_prefix = "/healthz"
access = "public"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ public"
hosts = "@HOST@"
path_prefix = "/public"
access = "public"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ admin"
hosts = "@HOST@"
path_prefix = "/admin"
require = "staff"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ exact"
hosts = "@HOST@"
path = "/exact"
require = "staff"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ all"
hosts = "@HOST@"
path_prefix = "/"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ tolerant"
hosts = "tolerant.@HOST@"
path_prefix = ["/healthz", "/public"]
access = "public"
paths = "tolerant"
upstream = "@NAME@"

[[routes]]
name = "@NAME@ strict"
hosts = "tolerant.@HOST@"
path_prefix = "/admin"
path = "/exact"
require = "staff"
upstream = "@NAME@"

[upstreams.@NAME@]
urls = "http://127.0.0.1:@PORT@"
router = "@ROUTER@"
"""

CONFIGURATION = """
[[issuers]]
issuer = "@ISSUER@"
audiences = ["@ISSUER@"]

[requirements.staff]
scopes = ["staff"]

[listen.proxy]
address = "@PROXY@"

[listen.admin]
address = "@ADMIN@"
"""

# The handlers that a request may reach.
FOR_EVERYBODY = {"healthz", "public"}
FOR_USERS = FOR_EVERYBODY | {"root", "nested"}
# Whatever handler a server has for a path that it finds none for below the prefix of a tolerant route.
TOLERATED = FOR_EVERYBODY | {"root"}

# How the gateway refuses what it does not take out.
REFUSED = (400, 403, 431)

# Failures of one kind that are shown.
SHOWN = 12


class ApplicationsRun(Run):
    def __init__(self, options):
        super().__init__(options)
        self.seed = options.seed
        self.count = int(options.count)
        # Fields of one request that are tried at once.
        self.together = 5 if self.count <= 2000 else 1
        # Five minutes for what CI does.
        self.time_limit = 300 if self.count <= 2000 else 6 * 3600
        chosen = (options.only or "").split(",")
        self.servers = [
            kind(options, self.state)
            for kind in servers.ALL
            if kind.is_there(options) and (not options.only or kind.name in chosen)
        ]
        environment = {**os.environ, "RUST_LOG": "warn"}
        self.gateway = Gateway(options.bearward, self.state / "gateway", environment)
        # One that passes names with `_` on, which alone would stop half of the spellings.
        self.lenient = Gateway(options.bearward, self.state / "lenient", environment)
        self.user = self.staff = None

    def start(self):
        self.issuer.start()
        self.user = self.issuer.mint(claims={"scope": "orders"})
        self.staff = self.issuer.mint(claims={"scope": "orders staff"})
        text = CONFIGURATION
        for server in self.servers:
            values = {"NAME": server.name, "HOST": server.host, "PORT": str(server.port), "ROUTER": server.router}
            part = ROUTES
            for name, value in values.items():
                part = part.replace(f"@{name}@", value)
            text += part
        self.gateway.write(text, ISSUER=self.issuer.url)
        self.lenient.write(text + "\n[identity]\ndrop_underscores = false\n", ISSUER=self.issuer.url)
        self.gateway.start()
        self.lenient.start()

    def parts(self):
        yield "HEAD over HTTP/2", self.head_over_http2
        for server in self.servers:
            yield server.name, functools.partial(self.server, server)

    def head_over_http2(self):
        """A body would be the end of the connection for some clients (RFC 9110 §9.3.2)."""
        asked = ("HEAD", b"/x/1", self.servers[0].host, None, ())
        [answer] = wire.ask_all_over_http2(self.gateway.port, [asked])
        self.check("HEAD over HTTP/2 without token: refused, without a body", answer, (401, None, b""))

    def server(self, server):
        try:
            server.start()
            until(f"{server.name} answers", 60, lambda: self.answers(server), server.programs[0])
            self.honest(server)
            self.targets(server)
            self.tolerated(server)
            self.fields(server)
            self.over_http2(server)
        finally:
            server.stop()

    # What is good.

    # threat: A-FWD-01, A-FWD-02, A-FWD-03, A-FWD-04
    def honest(self, server):
        """What is good, and what every handler is for."""
        rows = (
            ("no token, /healthz", b"/healthz", None, 200, "healthz"),
            ("no token, /public/a", b"/public/a", None, 200, "public"),
            ("no token, below public, as the public handler", b"/public/admin/users", None, 200, "public"),
            ("a space and an accent, escaped", b"/public/a%20b/caf%C3%A9", None, 200, "public"),
            ("anything in the query", b"/public/a?x=//..%2f/../admin;%00&y=%5c", None, 200, "public"),
            ("no token, /", b"/", None, 401, None),
            ("no token, /x/1", b"/x/1", None, 401, None),
            ("no token, /admin", b"/admin", None, 401, None),
            ("a user, /", b"/", self.user, 200, "root"),
            ("a user, /x/1", b"/x/1?a=b", self.user, 200, "root"),
            ("a user, another handler of that name", b"/x/admin/users", self.user, 200, "nested"),
            ("a user, /admin", b"/admin", self.user, 403, None),
            ("a user, /admin/users", b"/admin/users", self.user, 403, None),
            ("a user, /exact", b"/exact", self.user, 403, None),
            ("staff, /admin", b"/admin", self.staff, 200, "admin"),
            ("staff, /admin/users", b"/admin/users", self.staff, 200, "admin"),
            ("staff, /exact", b"/exact", self.staff, 200, "exact"),
            ("staff, /x/1", b"/x/1", self.staff, 200, "root"),
            ("staff, /public", b"/public", self.staff, 200, "public"),
        )
        for what, target, token, status, handler in rows:
            [answer] = wire.ask_all(self.gateway.port, [wire.request(target, server.host, token)])
            self.check(f"{server.name}: {what}", (answer.status, answer.handler), (status, handler))
        loud = f"{server.host.upper()}:8080"
        [answer] = wire.ask_all(self.gateway.port, [wire.request(b"/admin", loud, self.staff)])
        self.check(f"{server.name}: staff, a host in capitals with a port", answer.handler, "admin")
        slash, = wire.ask_all(self.gateway.port, [wire.request(b"/exact/", server.host, self.user)])
        self.holds(f"{server.name}: a user, /exact/ does not reach exact", slash.handler != "exact", self.told(slash))

    # What is not.

    # threat: T-FWD-04, T-FWD-13
    def targets(self, server):
        drawn = Targets(self.seed, server.host)
        count = 0
        reached = collections.Counter()
        wrong = []
        for batch in batches(drawn.draw(self.count), 2000):
            count += len(batch)
            for token, allowed in ((None, FOR_EVERYBODY), (self.user, FOR_USERS)):
                requests = [wire.request(target, server.host, token, method=method) for method, target in batch]
                answers = wire.ask_all(self.gateway.port, requests)
                for (method, target), answer in zip(batch, answers):
                    reached[answer.handler or answer.status or "no answer"] += 1
                    if answer.handler and answer.handler not in allowed:
                        wrong.append((method, target, token, answer))
        self.lives(server)
        what = f"{server.name}: {count} targets, without and with a user's token: none reaches a handler not decided on"
        self.holds(what, not wrong, dict(reached.most_common()) if not wrong else f"{len(wrong)} did")
        for method, target, token, answer in wrong[:SHOWN]:
            sender = "a user" if token else "nobody"
            self.fail(f"{server.name}: {method} {target!r} of {sender}", "no such handler", self.told(answer))
        some = sum(count for handler, count in reached.items() if handler in FOR_USERS)
        self.holds(f"{server.name}: the attack reached the application at all", some > self.count // 20, some)

    # threat: T-FWD-04, T-FWD-05
    def tolerated(self, server):
        """Routes that tolerate what servers repair: no repair leads to a stricter route's handler."""
        host = f"tolerant.{server.host}"
        rows = (
            (b"/public/a", 200), (b"/public/Acme%20Inc.", 200), (b"/public/c%23", 200), (b"//public/a", 400),
            (b"/public%2Fa", 400), (b"//admin", 400), (b"/%2Fadmin", 400), (b"/admin;x=1", 400), (b"/public/..%2Fadmin", 400),
            (b"/admin", 401), (b"/x", 403), (b"http://" + host.encode() + b"/public/a", 200),
            (b"http://evil.example/public/a", 400),
        )
        for target, status in rows:
            [answer] = wire.ask_all(self.gateway.port, [wire.request(target, host)])
            self.check(f"{server.name}: tolerant, {target.decode()}: {status}", answer.status, status)
        drawn = list(Targets(f"{self.seed}/tolerant", host).draw(self.count // 4))
        wrong, reached = [], collections.Counter()
        for token in (None, self.user):
            requests = [wire.request(target, host, token, method=method) for method, target in drawn]
            for pair, answer in zip(drawn, wire.ask_all(self.gateway.port, requests)):
                reached[answer.handler or answer.status or "no answer"] += 1
                if answer.handler and answer.handler not in TOLERATED:
                    wrong.append((*pair, self.told(answer)))
        what = f"{server.name}: {len(drawn)} targets, tolerant routes: none reaches the handler of a stricter route"
        self.holds(what, not wrong, dict(reached.most_common()) if not wrong else wrong[:SHOWN])

    # threat: T-FWD-12
    def fields(self, server):
        self.queries(server)
        self.compare(server, "fields", fields.cases(fields.table()), self.asked, self.together)
        if server.takes_underscores:
            cases = [case for case in fields.cases(fields.table()) if any(b"_" in name for name, _ in case.fields)]
            self.compare(server, "fields with `_`, which are passed on", cases, self.asked_leniently, self.together)
        self.lives(server)

    def queries(self, server):
        cases = list(fields.queries())
        answers = self.asked(server, cases)
        wrong = [
            (case, view(answer)["method"])
            for case, answer in zip(cases, answers)
            if answer.handler and view(answer)["method"] != "POST"
        ]
        refused = sum(not answer.handler for answer in answers)
        what = f"{server.name}: {len(cases)} queries: the application sees the method of the request"
        self.holds(what, not wrong, f"{refused} refused" if not wrong else f"{len(wrong)} differ")
        for case, method in wrong[:SHOWN]:
            self.fail(f"{server.name}: {case.method} {case.target!r}", "POST", method)

    def compare(self, server, what, cases, ask, together=1):
        """The view of the application, with a field and without; in groups first, which are right in nearly every case."""
        cases = list(cases)
        plain = self.views(server, {case[:3] for case in cases}, ask)
        groups = list(fields.together(cases, together))
        suspects = []
        for (group, members), answer in zip(groups, ask(server, [group for group, _ in groups])):
            if not is_as_plain(group, answer, plain):
                suspects += members
        refused, wrong = 0, []
        for case, answer in zip(suspects, ask(server, suspects)):
            if not answer.handler and answer.status in REFUSED:
                refused += 1
            elif not is_as_plain(case, answer, plain):
                wrong.append((case, view(answer) or self.told(answer)))
        text = f"{server.name}: {len(cases)} {what}: the application sees the request as without"
        self.holds(text, not wrong, f"{refused} refused" if not wrong else f"{len(wrong)} differ")
        for case, seen in wrong[:SHOWN]:
            expected, seen = difference(plain[case[:3]], seen)
            self.fail(f"{server.name}: {case.method} {case.target!r} {case.fields}", expected, seen)

    def views(self, server, bases, ask):
        bases = sorted(bases)
        plain = dict(zip(bases, map(view, ask(server, [fields.Case(*base, ()) for base in bases]))))
        missing = [base for base, seen in plain.items() if seen is None]
        assert not missing, f"no handler answers {missing}"
        return plain

    def asked(self, server, cases):
        return wire.ask_all(self.gateway.port, self.requests(server, cases))

    def asked_leniently(self, server, cases):
        return wire.ask_all(self.lenient.port, self.requests(server, cases))

    def requests(self, server, cases):
        return [
            wire.request(case.target, server.host, None if case.is_public else self.user, case.fields, case.method)
            for case in cases
        ]

    def over_http2(self, server):
        """A sample of both over HTTP/2, where neither a target nor a field goes through the same parser."""
        chance = random.Random(f"{self.seed}/http2")
        drawn = list(Targets(f"{self.seed}/http2", server.host).draw(200))
        wrong = []
        for token, allowed in ((None, FOR_EVERYBODY), (self.user, FOR_USERS)):
            asked = [(method, target, server.host, token, ()) for method, target in drawn]
            answers = wire.ask_all_over_http2(self.gateway.port, asked)
            wrong += [
                (pair, self.told(answer))
                for pair, answer in zip(drawn, answers)
                if answer.handler and answer.handler not in allowed
            ]
        what = f"{server.name}: {len(drawn)} targets over HTTP/2: none reaches a handler not decided on"
        self.holds(what, not wrong, wrong or "none")
        cases = [case for case in fields.cases(fields.table()) if case.method == "GET" and is_for_http2(case)]
        cases = chance.sample(cases, min(len(cases), 250))
        self.compare(server, "fields over HTTP/2", cases, self.asked_over_http2, self.together)

    def asked_over_http2(self, server, cases):
        asked = []
        for case in cases:
            token = None if case.is_public else self.user
            lower = [(name.lower(), value) for name, value in case.fields]
            asked.append((case.method, case.target, server.host, token, lower))
        return wire.ask_all_over_http2(self.gateway.port, asked)

    def lives(self, server):
        self.check(f"{server.name}: it still answers", self.answers(server), True)

    def answers(self, server):
        [answer] = wire.ask_all(self.gateway.port, [wire.request(b"/healthz", server.host)])
        return (answer.status, answer.handler) == (200, "healthz")

    @staticmethod
    def told(answer):
        return f"{answer.status} {answer.handler} {answer.body[:300]!r}"


def view(answer):
    """What the application said it sees."""
    if not answer.handler:
        return None
    return {"handler": answer.handler, **(json.loads(answer.body) if answer.body else {})}


def is_as_plain(case, answer, plain):
    return view(answer) == plain[case[:3]]


def difference(expected, seen):
    if not isinstance(seen, dict):
        return expected, seen
    names = sorted(name for name in {*expected, *seen} if expected.get(name) != seen.get(name))
    return {name: expected.get(name) for name in names}, {name: seen.get(name) for name in names}


def is_for_http2(case):
    return all(name.lower() not in (b"connection",) for name, _ in case.fields)


def batches(items, size):
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


if __name__ == "__main__":
    main(
        ApplicationsRun, "count", "seed", "only", "python", "puma", "rails", "node", "php", "php-fpm", "nginx", "go", "java",
        "classes", "tomcat",
    )
