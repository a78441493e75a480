"""What the proxies do with an auth service that answers as told: what their documentation leaves open.

Nothing here can fail but by not coming to an answer: a fact is what it is. But whatever a proxy does without an answer,
it refuses. The proxies run the same recipes. docs/proxies.md is written from this.
"""

import subprocess
import threading
import time

from client import ask, bearer
from proxies import Caddy, CaddyOfNow, EnvoyGrpc, EnvoyHttp, Nginx, Traefik
from servers import AuthService, Silent, Stuck

STATUSES = (204, 302, 400, 401, 403, 404, 429, 500, 503)
TWO_CHALLENGES = (b'WWW-Authenticate: Bearer realm="one"', b'WWW-Authenticate: DPoP realm="two"')


class Facts:
    def __init__(self, run):
        self.run = run
        self.auth = AuthService()
        self.stuck = Stuck()
        self.silent = Silent()
        kinds = (Nginx, Caddy, CaddyOfNow, Traefik, EnvoyHttp)
        known = [proxy for proxy in run.proxies if type(proxy) in kinds]
        # For what may take a minute, without the recipes' limits of time; Envoy has none that it could do without.
        self.probes = [type(proxy)(proxy.executable, run.state, proxy.generate, " probe") for proxy in known]
        slow = [proxy for proxy in known if not isinstance(proxy, EnvoyHttp)]
        self.unconnected = [type(proxy)(proxy.executable, run.state, proxy.generate, " unconnected") for proxy in slow]
        # The default of ext_authz over gRPC, which no HTTP server of ours speaks.
        grpc = [proxy for proxy in run.proxies if type(proxy) is EnvoyGrpc]
        self.grpc = [EnvoyGrpc(proxy.executable, run.state, proxy.generate, " unanswered") for proxy in grpc]
        self.limits = []
        self.waiting = []

    def start(self):
        application = self.run.application.address
        for probe in self.probes:
            probe.start(self.auth.address, application, not isinstance(probe, EnvoyHttp))
        for probe in self.unconnected:
            probe.start(self.stuck.address, application, True)
        for probe in self.grpc:
            probe.start(self.silent.address, application, True)
        for probe in [*self.probes, *self.unconnected, *self.grpc]:
            probe.ready()
        for probe in self.probes:
            self.wait("an auth service that does not answer", probe)
        for probe in self.grpc:
            self.wait("an auth service that does not answer", probe)
        for probe in self.unconnected:
            self.wait("an auth service that does not take the connection", probe)

    def settle(self):
        for probe in self.probes:
            self.request(probe)
            self.statuses(probe)
            self.challenges(probe)
            self.values(probe)
            self.removal(probe)
            self.connection(probe)
            if isinstance(probe, EnvoyHttp):
                self.no_limit(probe)

    def settle_limits(self):
        for thread in self.waiting:
            thread.join()
        for probe, line, is_refused in sorted(self.limits, key=lambda limit: limit[1]):
            print(f"fact  {probe.name}: {line}")
            self.run.check(probe, f"{line}: refused", is_refused, True)

    def request(self, probe):
        """What of a request reaches the auth service."""
        self.auth.tell(200)
        fields = [
            ("X-Forwarded-Host", "spoofed.example.com"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Method", "OPTIONS"),
            ("X-Forwarded-Uri", "/public"),
            ("X-Id-Token", "1"),
            ("X-Id-Token", "2"),
        ]
        ask(probe.port, "/app/x%20y?a=b", *fields, host="api.example.com:8443")
        if not self.auth.requests:
            tell(probe, "the auth service was not asked")
            return
        seen = self.auth.requests[-1]
        tell(probe, f"the question is {seen.method} {seen.target}, Host {seen.all('host')}")
        for name in ("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Method", "X-Forwarded-Uri"):
            tell(probe, f"{name} that a client sends arrives as {seen.all(name.lower())}")
        tell(probe, f"a repeated field (X-Id-Token: 1, X-Id-Token: 2) arrives as {seen.all('x-id-token')}")

        self.auth.tell(200)
        answer = ask(probe.port, "/app/x", bearer("one"), bearer("two"))
        if self.auth.requests:
            arrived = self.auth.requests[-1].all("authorization")
            tell(probe, f"two Authorization fields arrive as {arrived}")
        else:
            tell(probe, f"two Authorization fields are answered {answer.status}, without asking")

    def statuses(self, probe):
        relayed = []
        for status in STATUSES:
            lines = [b"WWW-Authenticate: Bearer", b"Retry-After: 5"]
            if status == 302:
                lines.append(b"Location: /login")
            self.auth.tell(status, *lines)
            self.run.application.requests.clear()
            answer = ask(probe.port, "/app/x")
            kept = [name for name in ("www-authenticate", "retry-after") if answer.field(name)]
            became = "allowed" if self.run.application.requests else str(answer.status)
            named = f" with {' and '.join(kept)}" if kept and became != "allowed" else ""
            relayed.append(f"{status} is {became}{named}")
        tell(probe, f"statuses of the auth service: {'; '.join(relayed)}")

    def challenges(self, probe):
        for status in (401, 403):
            self.auth.tell(status, *TWO_CHALLENGES)
            answer = ask(probe.port, "/app/x")
            kept = f"{answer.status} with {len(answer.challenges)}: {answer.challenges}"
            tell(probe, f"{status} with two WWW-Authenticate lines becomes {kept}")

    def values(self, probe):
        """A CR or an LF alone, and a NUL, in the value of an identity header."""
        for what, value in (
            ("CR", b"a\rX-Injected: 1"),
            ("LF", b"a\nX-Injected: 1"),
            ("CR LF and a space", b"a\r\n X-Injected: 1"),
            ("NUL", b"a\0b"),
        ):
            self.auth.tell(200, b"X-Authgear-User-Id: " + value)
            self.run.application.requests.clear()
            answer = ask(probe.port, "/app/x")
            requests = self.run.application.requests
            if not requests:
                tell(probe, f"{what} in a value of ours: {answer.status} to the client")
                continue
            seen = requests[0]
            found = {"x-authgear-user-id": seen.all("x-authgear-user-id"), "x-injected": seen.all("x-injected")}
            tell(probe, f"{what} in a value of ours: allowed, the application gets {found}")

    def removal(self, probe):
        """What becomes of a client's copy of an identity header on an allow that does not mention it."""
        self.auth.tell(200)
        self.run.application.requests.clear()
        spoofed = [("X-Authgear-User-Id", "hyphens"), ("X_Authgear_User_Id", "underscores")]
        ask(probe.port, "/app/x", *spoofed)
        requests = self.run.application.requests
        sent = [(name.lower(), value) for name, value in spoofed]
        found = [field for field in requests[0].fields if (field[0].lower(), field[1]) in sent] if requests else None
        tell(probe, f"client copies of an identity header that our 200 does not name, at the application: {found}")

    def connection(self, probe):
        """Whether a client's `Connection` reaches headers that the proxy has from us."""
        self.auth.tell(200, b"X-Authgear-User-Id: ours")
        self.run.application.requests.clear()
        answer = ask(probe.port, "/app/x", ("Connection", "close, X-Authgear-User-Id"))
        requests = self.run.application.requests
        found = requests[0].all("x-authgear-user-id") if requests else answer.status
        tell(probe, f"an identity header of ours that the client's Connection names, at the application: {found}")

    def no_limit(self, probe):
        """Whether the limit of time may be left out."""
        command = probe.check_command(probe.write(self.auth.address, self.auth.address, True))
        found = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
        can = "may" if found.returncode == 0 else "may not"
        tell(probe, f"server_uri {can} be without timeout")

    def wait(self, what, probe):
        def ask_and_wait():
            started = time.monotonic()
            answer = ask(probe.port, f"/app{AuthService.SILENT}", timeout=65)
            seconds = time.monotonic() - started
            found = f"{answer.status} after {seconds:.1f} s" if answer.status else f"nothing within {seconds:.0f} s"
            limit = "with the recipe's limit of 2 s" if type(probe) is EnvoyHttp else "by default"
            # Who still waits has let nobody through.
            self.limits.append((probe, f"{what}: {limit}, {found}", answer.status == 0 or answer.status >= 400))

        thread = threading.Thread(target=ask_and_wait, daemon=True)
        thread.start()
        self.waiting.append(thread)


def tell(probe, text):
    print(f"fact  {probe.name}: {text}")
