"""`bearward serve` behind real proxies, each with what `bearward gen-config` writes for it, checked over HTTP.

Every proxy is asked the same; where one of them cannot but answer otherwise, proxies.py says so. What a proxy makes of
answers that bearward does not give is found out with an auth service that answers as told, and printed as facts.
"""

import argparse
import base64
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

from client import Answer, ask, bearer, switch
from facts import Facts
from ports import free_port
from processes import Program, end_all, log_tails, until
from proxies import Apache, Caddy, CaddyOfNow, EnvoyGrpc, EnvoyHttp, Haproxy, IngressNginx, Nginx, Traefik, filled
from secure import Secure, door_of
from servers import Application
from validity import Validity

CLAIMS = "https://authgear.com/claims/user/"
SUBJECT = "2311567d-8826-4802-9619-b75c0fea527c"
# Seconds a whole run may take.
TIME_LIMIT = 300
# Failures that a client may have, as bearward.toml says.
MAX_FAILURES = 20
# Bytes of the longest token that bearward takes.
LONG = 16 * 1024

METADATA = 'resource_metadata="http://api.example.com:8080/.well-known/oauth-protected-resource/v1"'
REALM = f'Bearer realm="api", {METADATA}'
MALFORMED = (
    'Bearer realm="api", error="invalid_request", error_description="The credentials are malformed", '
    f'{METADATA}'
)
INVALID = f'Bearer realm="api", error="invalid_token", error_description="The access token is not valid", {METADATA}'
SCOPE = (
    'Bearer realm="api", error="insufficient_scope", error_description="The request needs more scope", '
    f'scope="orders:read", {METADATA}'
)
STEP_UP = (
    'Bearer realm="api", error="insufficient_user_authentication", '
    f'error_description="A more recent or stronger authentication is required", max_age="300", {METADATA}'
)

# What a client says it is, in spellings that an application may take for the identity headers.
SPOOFED = [
    ("X-Authgear-User-Id", "spoofed"),
    ("x-AUTHGEAR-user-ID", "spoofed"),
    ("x_authgear_user_id", "spoofed"),
    ("X_Authgear_User-Id", "spoofed"),
    ("X-Authgear_User_Id", "spoofed"),
    ("X.Authgear.User.Id", "spoofed"),
    ("X~Authgear+User!Id", "spoofed"),
    ("X-Authgear-User-Roles", "admin"),
    ("X_AUTHGEAR_USER_ROLES", "admin"),
    ("X-Authgear-Session-Valid", "true"),
    ("x_authgear_session_valid", "true"),
    ("X-Authgear-Session-Acr", "spoofed"),
    ("X-Authgear-User-Verified", "true"),
    ("X-Bearward-Client-Id", "spoofed"),
    ("x_bearward_client_id", "spoofed"),
    ("X-Account-Name", "spoofed"),
    ("x_account_name", "spoofed"),
    ("X-ACCOUNT_NAME", "spoofed"),
    ("X_Account.Name", "spoofed"),
    ("X.Account.Name", "spoofed"),
]

# What a client says about its request, in fields by which one dialect or the other tells the original one.
MISLEADING = [
    ("X-Forwarded-Uri", "/public/x"),
    ("X-Forwarded-Method", "GET"),
    ("X-Forwarded-Host", "public.example.com"),
    ("X-Forwarded-Prefix", "/public"),
    ("X-Original-URI", "/public/x"),
    ("X-Original-URL", "/public/x"),
    ("X-Original-Method", "GET"),
    ("X-Original-Host", "public.example.com"),
    ("X-Envoy-Original-Path", "/public/x"),
    ("X-Rewrite-Url", "/public/x"),
]

# What a client says about its own address.
CLIENT_FIELDS = ["X-Forwarded-For", "X-Original-Client", "X-Real-Ip"]

# Paths that one reader takes for a public one, another for that of the administration.
SEVERAL_READINGS = [
    "/public/../admin/x",
    "/public/../../admin/x",
    "/public/./../admin/x",
    "/public/%2e%2e/admin/x",
    "/public/%252e%252e/admin/x",
    "/public/..%2fadmin/x",
    "/public/..%5cadmin/x",
    "/public/..;/admin/x",
    "/public;/../admin/x",
    "//admin/x",
    "/public//../admin/x",
    "/public/%c0%ae%c0%ae/admin/x",
]


class Run:
    def __init__(self, options):
        self.options = options
        self.state = pathlib.Path(options.state)
        self.passed = 0
        self.failed = 0
        self.application = Application()
        ports = {name: free_port() for name in ("ISSUER", "FORWARD_AUTH", "EXT_AUTHZ", "PROXY", "ADMIN")}
        self.ports = ports
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
        self.issuer = f"http://{self.addresses['ISSUER']}"
        self.proxies = []
        self.bearward = None
        self.issuer_program = None
        self.facts = None
        self.metadata_path = "/.well-known/oauth-protected-resource/v1"

    def main(self):
        threading.Thread(target=self.watch, daemon=True).start()
        for skipped in self.options.skip:
            print(f"skip  {skipped}")
        try:
            self.start()
            for proxy in self.proxies:
                print(f"fact  {proxy.name}: version {proxy.version()}")
            self.guarded("valid recipes", Validity(self).check)
            for proxy in self.proxies:
                self.guarded(proxy.name, self.suite, proxy)
            self.guarded("TLS to bearward", lambda: Secure(self).check())
            self.guarded("facts", self.facts.settle)
            self.guarded("bearward is gone", self.gone)
            self.guarded("the issuer is gone", self.cold)
            self.guarded("time limits", self.facts.settle_limits)
        except Exception as error:  # pylint: disable=broad-except
            self.fail("the run", "an end", f"{type(error).__name__}: {error}")
        return self.finish()

    def guarded(self, what, part, *arguments):
        """A broken part is a failure, and no reason to skip the others."""
        try:
            part(*arguments)
        except Exception as error:  # pylint: disable=broad-except
            self.fail(what, "an end", f"{type(error).__name__}: {error}")

    def watch(self):
        time.sleep(TIME_LIMIT)
        self.fail("the run", f"an end within {TIME_LIMIT} s", "none")
        status = self.finish()
        sys.stdout.flush()
        # This is not the main thread, which alone can leave in order.
        end_all()
        os._exit(status)

    # Starting

    def start(self):
        log = self.state / "issuer.log"
        command = [self.options.bearward, "issuer", "--port", str(self.ports["ISSUER"])]
        self.issuer_program = Program("the issuer", command, log)
        self.issuer_program.listens(self.ports["ISSUER"])

        config = (pathlib.Path(__file__).parent / "bearward.toml").read_text()
        values = {**self.addresses, "ISSUER": self.issuer, "APPLICATION": self.application.address}
        self.config = self.state / "bearward.toml"
        self.config.write_text(filled(config, values))
        self.start_bearward()

        options = self.options
        known = [
            (Nginx, options.nginx),
            (IngressNginx, options.nginx),
            (Caddy, options.caddy),
            (CaddyOfNow, options.caddy_of_now),
            (Traefik, options.traefik),
            (EnvoyHttp, options.envoy),
            (EnvoyGrpc, options.envoy),
            (Haproxy, options.haproxy),
            (Apache, options.apache2),
        ]
        generate = self.generates(self.config)
        self.proxies = [kind(executable, self.state, generate) for kind, executable in known if executable]
        for proxy in self.proxies:
            proxy.start(self.auth_of(proxy), self.application.address)
        self.facts = Facts(self)
        self.facts.start()
        for proxy in self.proxies:
            proxy.ready()

        until("bearward has keys", 20, self.is_ready, self.bearward)

    def generates(self, config):
        """Writes recipes for this configuration."""

        def generate(*arguments):
            command = [self.options.bearward, "gen-config", *arguments, "--config", str(config)]
            written = subprocess.run(command, capture_output=True, text=True, check=False)
            if written.returncode != 0:
                raise RuntimeError(f"{' '.join(command)}: {written.stderr}")
            return written.stdout

        return generate

    def start_bearward(self):
        command = [self.options.bearward, "serve", "--config", str(self.config)]
        self.bearward = Program("bearward", command, self.state / "bearward.log")
        self.bearward.listens(self.ports["ADMIN"])

    def is_ready(self, admin=None):
        return ask(admin or self.ports["ADMIN"], "/readyz", host="127.0.0.1").status == 200

    def auth_of(self, proxy):
        return self.addresses[door_of(proxy)]

    # The checks of one proxy

    def suite(self, proxy):
        self.admitted(proxy)
        self.unauthenticated(proxy)
        self.step_up(proxy)
        self.spoofed(proxy)
        self.misleading(proxy)
        self.doubled(proxy)
        self.metadata(proxy)
        self.flooded(proxy)
        if proxy.is_stand_in:
            return
        self.forbidden(proxy)
        self.pages(proxy)
        self.own_log(proxy)
        self.told_besides(proxy)
        self.paths(proxy)
        self.upgrades(proxy)
        if isinstance(proxy, EnvoyGrpc):
            self.grpc_client(proxy)

    def admitted(self, proxy):
        token = self.mint()
        identity = self.identity_of(token)
        target = "/app/a%20b?q=1%20&r="
        answer, seen = self.through(proxy, target, bearer(token))
        self.check(proxy, "a good token: 200 with the identity headers", told(answer, seen, proxy), (200, identity))
        told_target = seen.target if seen else None
        self.check(proxy, "a good token: the application gets the target as it came", told_target, target)
        credentials = [value for value in seen.all("authorization") if value] if seen else None
        self.check(proxy, "a good token: which the application does not get", credentials, [])

        answer, seen = self.through(proxy, "/app/x", bearer(token), method="POST", body=b"some body")
        found = (answer.status, seen.method, seen.body) if seen else (answer.status, None, None)
        self.check(proxy, "a good token, POST: with its body", found, (200, "POST", b"some body"))
        answer, seen = self.through(proxy, "/app/x", bearer(token), method="HEAD")
        found = (answer.status, seen.method if seen else None)
        self.check(proxy, "a good token, HEAD: 200", found, (200, "HEAD"))

        answer, seen = self.through(proxy, "/admin/x", bearer(self.mint(roles=["admin", "staff"])))
        roles = seen.all("x-authgear-user-roles") if seen else None
        self.check(proxy, "the role asked for: 200 and both roles", (answer.status, roles), (200, ["admin,staff"]))

        answer, seen = self.through(proxy, "/optional/x")
        self.check(proxy, "optional route, no token: 200 as nobody", told(answer, seen, proxy), (200, []))
        answer, seen = self.through(proxy, "/optional/x", bearer(token))
        self.check(proxy, "optional route, a good token: 200 as its user", told(answer, seen, proxy), (200, identity))

        machine = self.mint(kind="machine")
        answer, seen = self.through(proxy, "/app/x", bearer(machine))
        expected = [("x-bearward-client-id", claims_of(machine)["client_id"])]
        self.check(proxy, "a machine's token: 200 with its client alone", told(answer, seen, proxy), (200, expected))

        answer, seen = self.through(proxy, "/app/x", bearer(self.mint(claims={"account_name": "alice"})))
        named = seen.all("x-account-name") if seen else None
        self.check(proxy, "a claim in a field of our own: 200 with it", (answer.status, named), (200, ["alice"]))

        long = self.long_token()
        answer, seen = self.through(proxy, "/app/x", bearer(long))
        what = f"a good token of {len(long)} bytes: 200"
        self.check(proxy, what, told(answer, seen, proxy), (200, self.identity_of(long)))

    def unauthenticated(self, proxy):
        self.refused(proxy, "no token", 401, [REALM], "/app/x")
        self.refused(proxy, "no token, route with a role", 401, [REALM], "/admin/x")
        self.refused(proxy, "no token, HEAD", 401, [REALM], "/app/x", method="HEAD")
        self.refused(proxy, "an expired token", 401, [INVALID], "/app/x", bearer(self.mint(expires_in=-3600)))
        forged = with_another_signature(self.mint())
        self.refused(proxy, "a token with another signature", 401, [INVALID], "/app/x", bearer(forged))
        other = self.mint(audience="https://other.example.com")
        self.refused(proxy, "a token for another audience", 401, [INVALID], "/app/x", bearer(other))
        self.refused(proxy, "an opaque token", 401, [INVALID], "/app/x", bearer("opaque"))
        self.refused(proxy, "optional route, an opaque token", 401, [INVALID], "/optional/x", bearer("opaque"))

    # threat: T-DOS-03, T-DOS-12
    def flooded(self, proxy):
        """A client has failures of its own, by the address that the proxy sees and whatever it says about itself."""
        number = self.proxies.index(proxy)
        attacker, neighbour = f"127.0.1.{number}", f"127.0.2.{number}"
        forged, good = bearer(with_another_signature(self.mint())), bearer(self.mint())
        statuses, last = [], None
        for attempt in range(MAX_FAILURES + 1):
            said = [(name, f"192.0.2.{attempt}") for name in CLIENT_FIELDS]
            last, _ = self.through(proxy, "/app/x", forged, *said, source=attacker)
            statuses.append(last.status)
        self.check(proxy, "forged tokens of one client", statuses, [401] * MAX_FAILURES + [proxy.limited])
        if proxy.limited == 429:
            self.check(proxy, "429: Retry-After", last.field("retry-after"), "1")
        answer, seen = self.through(proxy, "/app/x", good, source=attacker)
        self.check(proxy, "a good token of the same client: 200", (answer.status, seen is not None), (200, True))
        said = [(name, attacker) for name in CLIENT_FIELDS]
        answer, _ = self.through(proxy, "/app/x", forged, *said, source=neighbour)
        self.check(proxy, "another client that poses as the first one: 401", answer.status, 401)

    def metadata(self, proxy, case="the metadata"):
        """A client that knows nothing goes by the challenge (RFC 9728 §5)."""
        answer, _ = self.through(proxy, "/app/x")
        url = re.search(r'resource_metadata="([^"]*)"', str(answer.challenges))
        url = urllib.parse.urlsplit(url[1]) if url else None
        self.check(proxy, f"{case}: its URL is in the challenge", url is not None, True)
        document = {
            "resource": "http://api.example.com:8080/v1",
            "authorization_servers": [self.issuer],
            "bearer_methods_supported": ["header"],
        }
        path = url.path
        for what, target, fields in (
            ("no token", path, []),
            ("a query", f"{path}?a=b", []),
            ("an opaque token, spoofed headers", path, [bearer("opaque"), *SPOOFED]),
            ("misleading fields", path, MISLEADING),
            ("a page of another origin", path, [("Origin", "https://page.example.com")]),
        ):
            answer, seen = self.through(proxy, target, *fields, host=url.netloc)
            found = (answer.status, answer.field("content-type"), answer.field("access-control-allow-origin"))
            self.check(proxy, f"{case}, {what}: 200, JSON for every origin", found, (200, "application/json", "*"))
            found = (json.loads(answer.body) if answer.status == 200 else answer.body, seen is None)
            self.check(proxy, f"{case}, {what}: the document", found, (document, True))
        answer, seen = self.through(proxy, path, method="HEAD", host=url.netloc)
        found = (answer.status, answer.field("content-type"), answer.body, seen is None)
        self.check(proxy, f"{case}, HEAD: 200", found, (200, "application/json", b"", True))
        for method, body in (("POST", b"some body"), ("OPTIONS", b""), ("DELETE", b"")):
            answer, seen = self.through(proxy, path, method=method, body=body, host=url.netloc)
            found = (answer.status, answer.field("allow"), answer.body, seen is None)
            self.check(proxy, f"{case}, {method}: 405", found, (405, "GET, HEAD", b'{"title":"Method Not Allowed","status":405}', True))
        self.preflight_of_metadata(proxy, case, path, url.netloc)
        # What is beside it is decided on like everything else.
        for target in (f"{path}/", f"{path}/x", "/.well-known/oauth-protected-resource", f"{path}/../../../app/x"):
            answer, seen = self.through(proxy, target, host=url.netloc)
            what = f"{case}, {target} is another path: refused, here with {answer.status}"
            self.check(proxy, what, (answer.status in (400, 401, 403), seen is None), (True, True))

    # threat: T-REQ-08
    def preflight_of_metadata(self, proxy, case, path, host):
        """What a browser asks before a page sends a field of its own, as MCP clients do."""
        preflight = [
            ("Origin", "https://page.example.com"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "mcp-protocol-version"),
        ]
        answer, seen = self.through(proxy, path, *preflight, method="OPTIONS", host=host)
        names = ("allow-origin", "allow-methods", "allow-headers", "max-age")
        found = (answer.status, *(answer.field(f"access-control-{name}") for name in names), answer.body, seen is None)
        expected = (204, "*", "GET, HEAD", "*, Authorization", "86400", b"", True)
        self.check(proxy, f"{case}, a preflight: 204 for every page and field", found, expected)
        for what, fields in (("no origin", preflight[1:]), ("no method", preflight[:1])):
            answer, _ = self.through(proxy, path, *fields, method="OPTIONS", host=host)
            self.check(proxy, f"{case}, OPTIONS with {what}: 405", answer.status, 405)

    def told_of(self, proxy, case):
        """The least that shows who decides."""
        token = self.mint()
        answer, seen = self.through(proxy, "/app/x", bearer(token), *SPOOFED)
        what = f"{case}, a good token, spoofed headers: 200 with the identity headers"
        self.check(proxy, what, told(answer, seen, proxy), (200, self.identity_of(token)))
        self.refused(proxy, f"{case}, no token", 401, [REALM], "/app/x")
        self.refused(proxy, f"{case}, a role is missing", 403, [], "/admin/x", bearer(token))
        self.metadata(proxy, f"{case}, the metadata")

    def pages(self, proxy):
        """What a page of another origin may read (CORS)."""
        names = ("access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers", "vary")
        exposed = "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Bearward-Request-Id"
        token = bearer(self.mint())
        refusals = (
            ("no token", 401, "/app/x", []),
            ("an opaque token", 401, "/app/x", [bearer("opaque")]),
            ("a scope is missing", 403, "/orders/x", [token]),
            ("no route", 403, "/elsewhere", [token]),
            ("an ambiguous path", 400, "/public/a%2fb", []),
        )
        for what, status, target, fields in refusals:
            for origin in ("https://page.example.com", "http://localhost:3000"):
                answer, _ = self.through(proxy, target, ("Origin", origin), *fields)
                found = (answer.status, *map(answer.field, names))
                expected = (status, origin, "true", exposed, "Origin")
                self.check(proxy, f"{what}, a page of {origin}: it may read the {status}", found, expected)
            for origin in ("https://evil.example.com", "null"):
                answer, _ = self.through(proxy, target, ("Origin", origin), *fields)
                found = (answer.status, *map(answer.field, names))
                expected = (status, None, None, None, "Origin")
                self.check(proxy, f"{what}, a page of {origin}: it may not", found, expected)
        answer, _ = self.through(proxy, "/app/x", ("Origin", "https://page.example.com"), token)
        found = (answer.status, *map(answer.field, names))
        self.check(proxy, "a good token, a page: the application's answer is its own", found, (200, None, None, None, None))

    def own_log(self, proxy):
        """The proxy's own log has the reason of each decision, and the id of bearward's log and of the answer."""
        if proxy.log() is None:
            return
        for what, fields, reason in (
            ("no token", [], "no_credentials"),
            ("an expired token", [bearer(self.mint(expires_in=-3600))], "token_expired"),
            ("malformed credentials", [("Authorization", "Bearer a b")], "malformed_credentials"),
        ):
            answer, _ = self.through(proxy, "/app/x", *fields)
            logged = self.is_logged(proxy, f" 4.. reason={reason} id={answer.field('x-bearward-request-id')} ")
            found = (logged, answer.field("x-bearward-reason"), answer.field("cache-control"))
            self.check(proxy, f"{what}: the reason and the id in its log", found, (True, None, "no-store"))
        _, seen = self.through(proxy, "/app/x", bearer(self.mint()))
        logged = self.is_logged(proxy, f" 200 reason=admitted id={seen.all('x-request-id')[0]} ")
        self.check(proxy, "a good token: admitted, in its log", logged, True)

    def is_logged(self, proxy, pattern):
        """The proxy writes its line after its answer."""
        for _ in range(50):
            if re.search(pattern, proxy.log().read_text()):
                return True
            time.sleep(0.1)
        return False

    def told_besides(self, proxy):
        """What else of a refusal reaches the client."""
        for what, target in (("401", "/app/x"), ("403", "/elsewhere"), ("400", "/public/a%2fb")):
            answer, _ = self.through(proxy, target)
            print(f"fact  {proxy.name}: a {what} of bearward is {answer.status} to the client")
            names = ("cache-control", "content-type", "x-bearward-status")
            found = {name: answer.field(name) for name in names}
            print(f"fact  {proxy.name}: a {what} of bearward reaches the client with {found}, {answer.body}")

    def forbidden(self, proxy):
        self.refused(proxy, "a role is missing", 403, [], "/admin/x", bearer(self.mint()))
        self.refused(proxy, "no route", 403, [], "/elsewhere", bearer(self.mint()))
        self.refused(proxy, "a scope is missing", 403, [SCOPE], "/orders/x", bearer(self.mint()))
        scoped = self.mint(claims={"scope": "openid orders:read"})
        answer, seen = self.through(proxy, "/orders/x", bearer(scoped))
        self.check(proxy, "the scope asked for: 200", (answer.status, seen is not None), (200, True))

    def step_up(self, proxy):
        old = self.mint(auth_time_age=3600)
        self.refused(proxy, "login an hour ago", 401, [STEP_UP], "/transfer", bearer(old), method="POST")
        id_token = ("X-Id-Token", self.mint(kind="id_token"))
        answer, seen = self.through(proxy, "/transfer", bearer(old), id_token, method="POST")
        found = (answer.status, [value for value in seen.all("x-id-token") if value] if seen else None)
        self.check(proxy, "login an hour ago, and an ID token of now: 200, and it goes no further", found, (200, []))
        stale = ("X-Id-Token", self.mint(kind="id_token", auth_time_age=3600))
        what = "login an hour ago, and an ID token of then"
        self.refused(proxy, what, 401, [STEP_UP], "/transfer", bearer(old), stale, method="POST")
        answer, seen = self.through(proxy, "/transfer", bearer(self.mint()), method="POST")
        self.check(proxy, "login just now: 200", (answer.status, seen is not None), (200, True))

    # threat: T-HDR-01, T-HDR-02, T-HDR-03, T-HDR-04
    def spoofed(self, proxy):
        token = self.mint(roles=None)
        identity = self.identity_of(token)
        for target in ("/public/x", "/optional/x"):
            answer, seen = self.through(proxy, target, *SPOOFED)
            what = f"spoofed identity headers, {target}: none at the application"
            self.check(proxy, what, told(answer, seen, proxy), (200, []))
        answer, seen = self.through(proxy, "/app/x", bearer(token), *SPOOFED)
        what = "spoofed identity headers, a good token: the true ones alone"
        self.check(proxy, what, told(answer, seen, proxy), (200, identity))
        account = self.mint(roles=None, claims={"account_name": "alice"})
        for names, token_of, expected in (
            ("X-Authgear-User-Id, X-Authgear-Session-Valid, X-Authgear-User-Roles", token, identity),
            ("x-account-name", account, sorted([*self.identity_of(account), ("x-account-name", "alice")])),
        ):
            connection = ("Connection", f"close, {names}")
            answer, seen = self.through(proxy, "/app/x", bearer(token_of), connection)
            found = told(answer, seen, proxy)
            # Caddy takes them out, so its recipe refuses.
            is_right = found in ((200, expected), (400, None))
            what = f"{names} named in Connection: they stay, or it is refused, here {answer.status}"
            self.check(proxy, what, found if not is_right else True, True)
        self.refused(proxy, "spoofed roles, a token without", 403, [], "/admin/x", bearer(token), *SPOOFED)

    # threat: T-FWD-01, T-FWD-07
    def misleading(self, proxy):
        self.refused(proxy, "misleading fields, no token", 401, [REALM], "/admin/x", *MISLEADING)
        token = bearer(self.mint())
        self.refused(proxy, "misleading fields, a role is missing", 403, [], "/admin/x", token, *MISLEADING)
        answer, seen = self.through(proxy, "/catalogue/x", *MISLEADING)
        self.check(proxy, "catalogue, GET: public", (answer.status, seen is not None), (200, True))
        for method in ("POST", "DELETE"):
            what = f"catalogue, {method}, misleading fields"
            self.refused(proxy, what, 401, [REALM], "/catalogue/x", *MISLEADING, method=method)
        for name, value in (("X-Forwarded-Uri", "/admin/x"), ("X-Original-URI", "/admin/x")):
            answer, seen = self.through(proxy, "/public/x", (name, value))
            found = (answer.status, seen.target if seen else None)
            self.check(proxy, f"{name}: {value} on a public route: still public", found, (200, "/public/x"))
        named = ("Connection", f"close, {', '.join(name for name, _ in MISLEADING)}")
        answer, seen = self.through(proxy, "/admin/x", named, *MISLEADING)
        # Envoy does not let X-Forwarded-* be named there, and refuses.
        what = f"misleading fields, named in Connection, no token: refused, here with {answer.status}"
        self.check(proxy, what, (answer.status in (400, 401), seen is None), (True, True))
        self.refused(proxy, "misleading host, no token", 401, [REALM], "/hosted/x", *MISLEADING)
        for host in ("public.example.com", "PUBLIC.example.com:8443"):
            answer, seen = self.through(proxy, "/hosted/x", host=host)
            self.check(proxy, f"host {host}: public", (answer.status, seen is not None), (200, True))
        # Each twice, and in lower case.
        fields = [(name.lower(), value) for name, value in MISLEADING]
        self.refused(proxy, "misleading fields twice, no token", 401, [REALM], "/admin/x", *fields, *fields)
        preflight = [("Origin", "https://page.example.com"), ("Access-Control-Request-Method", "POST")]
        self.refused(proxy, "preflight", 401, [REALM], "/app/x", *preflight, method="OPTIONS")

    # threat: T-FWD-04, T-FWD-05, T-FWD-06, T-FWD-08
    def paths(self, proxy):
        """None of them is the public one. Some proxies refuse one or the other themselves, with 400 as well."""
        for target in SEVERAL_READINGS:
            answer, seen = self.through(proxy, target)
            found = (answer.status in proxy.ambiguous(target), seen is None)
            self.check(proxy, f"{target}: refused, here with {answer.status}", found, (True, True))
            answer, seen = self.through(proxy, target, bearer(self.mint()))
            found = (answer.status in proxy.ambiguous(target), seen is None)
            self.check(proxy, f"{target}, a token: refused, here with {answer.status}", found, (True, True))
        # Whoever takes an encoded slash for one resolves the dots; and a route that does not allow such a slash.
        self.refused(proxy, "/public%2f..%2fadmin/x", 400, [], "/public%2f..%2fadmin/x")
        self.refused(proxy, "/public/a%2fb", 400, [], "/public/a%2fb")
        self.refused(proxy, "/public/a;x=1", 400, [], "/public/a;x=1")
        self.refused(proxy, "/admin/%78, no token", 401, [REALM], "/admin/%78")
        self.refused(proxy, "/admin/%78, a role is missing", 403, [], "/admin/%78", bearer(self.mint()))
        # As it is written, it is for no route. Some proxies resolve it themselves, for the application as well.
        if proxy.arrives("/%70ublic/x") == "/%70ublic/x":
            self.refused(proxy, "/%70ublic/x, a disguise", 403, [], "/%70ublic/x")
        target = "/public/%78?a=/../b//c%2f"
        answer, seen = self.through(proxy, target)
        found = (answer.status, seen.target if seen else None)
        expected = proxy.arrives(target)
        self.check(proxy, f"{target}: public, and arrives as {expected}", found, (200, expected))
        for target in ("http://api.example.com/admin/x", "http://public.example.com/public/../admin/x"):
            answer, seen = self.through(proxy, target)
            what = f"{target} in absolute form: refused, here with {answer.status}"
            self.check(proxy, what, (400 <= answer.status < 500, seen is None), (True, True))
        # The host that was decided on is the one the application is told.
        answer, seen = self.through(proxy, "http://public.example.com/hosted/x", host="other.example.com")
        hosts = [host.partition(":")[0] for host in seen.all("host")] if seen else None
        is_right = hosts == ["public.example.com"] or seen is None and 400 <= answer.status < 500
        what = f"two hosts: the public one at the application as well, or refused, here with {answer.status}"
        self.check(proxy, what, is_right, True)
        answer, seen = self.through(proxy, "http://other.example.com/hosted/x", host="public.example.com")
        hosts = [host.partition(":")[0] for host in seen.all("host")] if seen else None
        is_right = hosts == ["public.example.com"] or seen is None and 400 <= answer.status < 500
        self.check(proxy, f"two hosts, the other way round: likewise, here with {answer.status}", is_right, True)
        answer, seen = self.through(proxy, "/public#/../admin/x")
        self.check(proxy, "a fragment: refused", (answer.status, seen is None), (400, True))

    def doubled(self, proxy):
        good = self.mint()
        basic = ("Authorization", "Basic YTpi")
        for what, status, fields in (
            ("both good", 400, [bearer(good), bearer(good)]),
            ("the first good", 400, [bearer(good), bearer("opaque")]),
            ("the second good", 400, [bearer("opaque"), bearer(good)]),
            ("the first good, the second Basic", 400, [bearer(good), basic]),
            ("the first Basic, the second good", proxy.foreign, [basic, bearer(good)]),
        ):
            # nginx does not ask, and has an answer of its own.
            answer, seen = self.through(proxy, "/app/x", *fields)
            what = f"two Authorization fields, {what}: {status}"
            self.check(proxy, what, (answer.status, seen is None), (status, True))
        joined = ("Authorization", f"Bearer {good}, Bearer {good}")
        self.refused(proxy, "two credentials in one field", proxy.malformed, [MALFORMED], "/app/x", joined)
        malformed = ("Authorization", "Bearer a b")
        self.refused(proxy, "malformed credentials", proxy.malformed, [MALFORMED], "/app/x", malformed)
        answer, seen = self.through(proxy, "/app/x", ("Proxy-Authorization", f"Bearer {good}"))
        self.check(proxy, "a token in Proxy-Authorization: refused", (answer.status, seen is None), (401, True))
        answer, seen = self.through(proxy, f"/app/x?access_token={good}")
        self.check(proxy, "a token in the query: refused", (answer.status < 500, seen is None), (True, True))

    # threat: T-PRX-04
    def upgrades(self, proxy):
        token = bearer(self.mint(roles=None))
        hello = b"\x81\x85\0\0\0\0hello"
        self.application.requests.clear()
        found = switch(proxy.port, "/app/x", "websocket", token, *SPOOFED)
        self.check(proxy, "a WebSocket, a good token: it is one", found, (101, hello))
        requests = self.application.requests
        seen = requests[0] if requests else None
        found = told(Answer(101), seen, proxy)
        self.check(proxy, "a WebSocket, spoofed headers: the true ones alone", found, (101, self.identity_of(token_of(token))))
        self.application.requests.clear()
        found = (switch(proxy.port, "/app/x", "websocket"), self.application.requests)
        self.check(proxy, "a WebSocket, no token: 401", found, ((401, b""), []))
        for protocol in ("h2c", "websocket, h2c", "other"):
            self.application.requests.clear()
            status, _ = switch(proxy.port, "/app/x", protocol, token, ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"))
            requests = self.application.requests
            asked = requests[0].all("upgrade") if requests else []
            # Nothing but a WebSocket: what follows on the connection would not be decided on.
            self.check(proxy, f"Upgrade: {protocol}: not passed on, here {status}", (status != 101, asked), (True, []))

    def grpc_client(self, proxy):
        content_type = ("Content-Type", "application/grpc")
        answer, seen = self.through(proxy, "/app/x", content_type, method="POST")
        found = (answer.status, answer.field("grpc-status"), answer.challenges, seen is None)
        self.check(proxy, "a gRPC client, no token: its status 16, the challenge", found, (200, "16", [REALM], True))
        answer, seen = self.through(proxy, "/admin/x", content_type, bearer(self.mint()), method="POST")
        found = (answer.status, answer.field("grpc-status"), seen is None)
        self.check(proxy, "a gRPC client, a role is missing: its status 7", found, (200, "7", True))

    # Outages, for all proxies at once

    # threat: T-PRX-02
    def gone(self):
        token = bearer(self.mint())
        self.hung(token)
        self.bearward.kill()
        for proxy in self.proxies:
            for what, target, fields in (
                ("a good token", "/app/x", [token]),
                ("public route", "/public/x", []),
            ):
                answer, seen = self.through(proxy, target, *fields)
                found = (answer.status, answer.challenges, seen is None)
                self.check(proxy, f"bearward is gone, {what}: refused", found, (proxy.down, [], True))

    def hung(self, token):
        """Without a limit in its recipe, a proxy takes bearward for an application that takes its time."""
        self.bearward.pause()
        self.application.requests.clear()
        asked = [proxy for proxy in self.proxies if proxy.limit is not None]
        with concurrent.futures.ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda proxy: timed(proxy.port, "/app/x", token), asked))
        for proxy, (answer, seconds) in zip(asked, answers):
            what = f"bearward does not answer, a good token: refused after {seconds:.1f} s, here with {answer.status}"
            is_in_time = seconds < proxy.limit + 3
            found = (answer.status >= 400, is_in_time, self.application.requests)
            self.check(proxy, what, found, (True, True, []))

    def cold(self):
        token = bearer(self.mint())
        self.issuer_program.kill()
        self.start_bearward()
        for proxy in self.proxies:
            answer, seen = self.settled(proxy, "/app/x", token)
            found = (answer.status, answer.challenges, seen is None)
            self.check(proxy, "no keys, a good token: refused", found, (proxy.unavailable, [], True))
            print(f"fact  {proxy.name}: a 503 of bearward is {answer.status} to the client")
            if proxy.unavailable == 503:
                seconds = answer.field("retry-after")
                is_told = seconds is not None and seconds.isdigit() and 1 <= int(seconds) <= 60
                self.check(proxy, f"no keys, a good token: Retry-After, here {seconds}", is_told, True)
            self.refused(proxy, "no keys, no token", 401, [REALM], "/app/x")
            answer, seen = self.through(proxy, "/public/x", *SPOOFED)
            self.check(proxy, "no keys, public route: 200 as nobody", told(answer, seen, proxy), (200, []))

    def settled(self, proxy, target, *fields):
        """Envoy waits before it connects again to what was gone."""
        end = time.monotonic() + 5
        while True:
            answer, seen = self.through(proxy, "/public/x")
            if answer.status == 200 or time.monotonic() > end:
                return self.through(proxy, target, *fields)
            time.sleep(0.1)

    # Asking

    def through(self, proxy, target, *fields, **options):
        """The answer to the client, and the request at the application if it got there."""
        self.application.requests.clear()
        answer = ask(proxy.port, target, *fields, **options)
        requests = self.application.requests
        return answer, requests[0] if requests else None

    def refused(self, proxy, what, status, challenges, target, *fields, **options):
        answer, seen = self.through(proxy, target, *fields, **options)
        found = (answer.status, answer.challenges, seen is None)
        if answer.error:
            found = (*found, answer.error)
        named = " and the challenge" if challenges else ""
        self.check(proxy, f"{what}: {status}{named}", found, (status, challenges, True))

    def mint(self, roles=None, claims=None, **asked):
        if asked.get("kind", "user") == "user":
            claims = {f"{CLAIMS}roles": roles, **(claims or {})}
        body = json.dumps({**asked, "claims": claims or {}}).encode()
        with urllib.request.urlopen(f"{self.issuer}/mint", body, timeout=10) as response:
            return json.load(response)["token"]

    def long_token(self):
        """Of exactly `LONG` bytes: the length of its payload leaves none out but one of four."""
        padding = LONG // 2
        for _ in range(20):
            token = self.mint(claims={"padding": "x" * padding})
            if len(token) == LONG:
                return token
            missing = LONG - len(token)
            padding += missing * 3 // 4 or (1 if missing > 0 else -1)
        raise RuntimeError(f"no token of {LONG} bytes")

    @staticmethod
    def identity_of(token):
        """What Authgear's resolver would say of this user."""
        claims = claims_of(token)
        said = {
            "x-authgear-session-amr": " ".join(claims["amr"]),
            "x-authgear-session-authenticated-at": str(claims["auth_time"]),
            "x-authgear-session-valid": "true",
            "x-authgear-user-anonymous": text_of(claims[f"{CLAIMS}is_anonymous"]),
            "x-authgear-user-can-reauthenticate": text_of(claims[f"{CLAIMS}can_reauthenticate"]),
            "x-authgear-user-id": claims["sub"],
            "x-authgear-user-verified": text_of(claims[f"{CLAIMS}is_verified"]),
        }
        assert claims["sub"] == SUBJECT
        return sorted(said.items())

    # Telling

    def check(self, proxy, what, found, expected):
        if found != expected:
            self.fail(f"{proxy.name}: {what}", expected, found)
            return
        self.passed += 1
        print(f"ok  {proxy.name}: {what}")

    def fail(self, what, expected, found):
        self.failed += 1
        print(f"FAIL {what} expected {expected} found {found}")

    def finish(self):
        is_optional = os.environ.get("BEARWARD_E2E_OPTIONAL") == "1"
        skipped = self.options.skip
        if self.failed:
            print(log_tails(self.state))
        if skipped and not is_optional:
            print("skipped proxies count as a failure; with BEARWARD_E2E_OPTIONAL=1 they would not")
        print(f"{self.passed} passed, {self.failed} failed")
        return 1 if self.failed or skipped and not is_optional else 0


def told(answer, seen, proxy):
    """The status, and what the application is told of the user, in whatever spelling."""
    if answer.error:
        return answer.error, None
    if seen is None:
        return answer.status, None
    fields = [(name.lower(), value) for name, value in seen.fields]
    identity = [(name, value) for name, value in fields if is_identity(name)]
    if proxy.sends_empty:
        identity = [(name, value) for name, value in identity if value]
    return answer.status, sorted(identity)


def is_identity(name):
    folded = "".join(char if char.isalnum() else "-" for char in name)
    return folded.startswith(("x-authgear-", "x-bearward-")) or folded == "x-account-name"


def timed(port, target, *fields):
    """The answer, and the seconds until it came."""
    started = time.monotonic()
    answer = ask(port, target, *fields)
    return answer, time.monotonic() - started


def with_another_signature(token):
    head, payload, signature = token.split(".")
    middle = len(signature) // 2
    changed = "A" if signature[middle] != "A" else "B"
    return ".".join([head, payload, signature[:middle] + changed + signature[middle + 1:]])


def claims_of(token):
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def token_of(field):
    return field[1].partition(" ")[2]


def text_of(boolean):
    return "true" if boolean else "false"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bearward", required=True)
    parser.add_argument("--state", required=True)
    parser.add_argument("--skip", action="append", default=[])
    for name in ("nginx", "caddy", "caddy-of-now", "traefik", "envoy", "haproxy", "apache2"):
        parser.add_argument(f"--{name}")
    sys.stdout.reconfigure(line_buffering=True)
    sys.exit(Run(parser.parse_args()).main())


if __name__ == "__main__":
    main()
