"""`bearward serve` under load: reloads, rotation of keys, SIGTERM. Nothing may be lost."""

import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time
import urllib.request

from clients import Account, Asking, Fresh, Http1, Http2
from client import ask, bearer
from ports import free_port
from processes import Program, until
from run import INVALID, Gateway, Run, filled, main

HERE = pathlib.Path(__file__).parent
CONFIG = (HERE / "bearward.toml").read_text()
USUAL = {"LEEWAY": "30s", "ROUTE": "application", "IDLE": "300s", "PRESET": "authgear"}


class Application(Program):
    """common/application.py."""

    def __init__(self, state):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        script = HERE.parent / "common" / "application.py"
        super().__init__("the application", [sys.executable, str(script), str(self.port)], state / "application.log")
        self.listens(self.port)

    def seen(self):
        with urllib.request.urlopen(f"http://{self.address}/-/seen", timeout=10) as answer:
            return json.load(answer)


class Wrk:
    """Load on one address, and what wrk says of it."""

    def __init__(self, wrk, state, name, seconds, url, *fields, connections=24):
        command = [wrk, "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
        for field, value in fields:
            command += ["--header", f"{field}: {value}"]
        self.name = name
        self.log = state / f"wrk-{name}.log".replace(" ", "-")
        self._seconds = seconds
        self._program = Program("wrk", [*command, url], self.log)

    def is_running(self):
        return not self._program.ended()

    def result(self):
        """How many requests were answered, and what of them went wrong."""
        status = self._program.exit_code(self._seconds + 20)
        text = self.log.read_text()
        requests = re.search(r"(\d+) requests in", text)
        wrong = re.findall(r"^\s*((?:Non-2xx|Socket errors).*)$", text, re.M)
        if status != 0 or not requests:
            wrong.append(f"wrk ended with {status}; see {self.log}")
        return int(requests[1]) if requests else 0, wrong


class LoadRun(Run):
    time_limit = 100

    def __init__(self, options):
        super().__init__(options)
        self.application = None

    def start(self):
        self.issuer.start()
        self.application = Application(self.state)

    def parts(self):
        if self.options.wrk:
            yield "reloads under load", self.reloads
            yield "rotation of keys under load", self.rotation
        for attempt in (1, 2):
            yield f"SIGTERM under HTTP/1.1 load, {attempt}", lambda: self.stop(f"HTTP/1.1 {attempt}", self.http1)
            yield f"SIGTERM under HTTP/2 load, {attempt}", lambda: self.stop(f"HTTP/2 {attempt}", self.http2)
        yield "SIGTERM under forward auth", self.stop_forward_auth

    def gateway(self, name):
        gateway = Gateway(self.options.bearward, self.state / name.replace(" ", "-").replace("/", "-"))
        self.configure(gateway)
        gateway.start()
        return gateway

    def configure(self, gateway, in_place=False, **values):
        text = filled(CONFIG, {**gateway.addresses, **self.values(), **USUAL, **values})
        self.put(gateway, text, in_place)

    def values(self):
        return {"ISSUER": self.issuer.url, "APPLICATION": self.application.address}

    @staticmethod
    def put(gateway, text, in_place=False):
        """As a file of its own that takes the place of the other, or written into it."""
        if in_place:
            gateway.config.write_text(text)
            return
        other = gateway.folder / "next.toml"
        other.write_text(text)
        os.replace(other, gateway.config)

    def load(self, gateway, name, seconds, token, **options):
        url = f"http://{gateway.addresses['PROXY']}/app"
        wrk, state = self.options.wrk, gateway.folder
        return Wrk(wrk, state, name, seconds, url, bearer(token), ("Host", "api.example.com"), **options)

    def questions(self, gateway, name, seconds, token):
        """What nginx asks, as load."""
        url = f"http://{gateway.addresses['FORWARD_AUTH']}/auth/nginx"
        original = [("X-Original-URI", "/app"), ("X-Original-Method", "GET"), ("X-Original-Host", "api.example.com")]
        wrk, state = self.options.wrk, gateway.folder
        return Wrk(wrk, state, name, seconds, url, bearer(token), *original, connections=8)

    def none_failed(self, load):
        requests, wrong = load.result()
        self.check(f"{load.name}: no failed request", wrong, [])
        self.holds(f"{load.name}: requests answered", requests > 100, requests)
        return requests

    # Reloads

    def reloads(self):
        gateway = self.gateway("reload")
        token = self.issuer.mint()
        loads = [self.load(gateway, "reverse proxy", 12, token), self.questions(gateway, "forward auth", 12, token)]
        time.sleep(0.5)
        hang_up = lambda: gateway.program.tell(signal.SIGHUP)
        broken = CONFIG.replace("[[routes]]", "[[rotes]]")
        broken = filled(broken, {**gateway.addresses, **self.values(), **USUAL})
        for what, outcome, change in (
            ("another route", "applied", lambda: self.configure(gateway, ROUTE="second")),
            ("another route, written in place", "applied", lambda: self.configure(gateway, in_place=True, ROUTE="third")),
            ("SIGHUP", "applied", hang_up),
            ("another issuer's leeway, so keys anew", "applied", lambda: self.configure(gateway, LEEWAY="20s")),
            ("another upstream, so connections anew", "applied", lambda: self.configure(gateway, IDLE="200s")),
            ("a broken file", "refused", lambda: self.put(gateway, broken)),
            ("a good file again", "applied", lambda: self.configure(gateway, ROUTE="fourth")),
            ("another preset", "applied", lambda: self.configure(gateway, PRESET="bearward")),
            ("everything at once", "applied", lambda: self.configure(gateway, True, ROUTE="fifth", LEEWAY="10s", IDLE="100s")),
            ("SIGHUP again", "applied", hang_up),
        ):
            self.reload(gateway, what, outcome, change)
        self.check("the load went on through all ten", [load.is_running() for load in loads], [True, True])
        requests = sum(self.none_failed(load) for load in loads)
        self.accounted(gateway, requests)
        log = gateway.log_text()
        self.check("the log names the mistake of the broken file", len(re.findall(r"mistake in the configuration.*rotes", log)), 1)
        self.check("the log says that the last good one stays", log.count("the last good configuration stays in force"), 1)
        gateway.program.kill()

    def reload(self, gateway, what, outcome, change):
        before = gateway.metric("bearward_reloads_total", outcome=outcome)
        change()
        until(
            f"{what}: {outcome}", 8, lambda: gateway.metric("bearward_reloads_total", outcome=outcome) == before + 1
        )
        current = gateway.metric("bearward_config_current")
        self.check(f"reload, {what}: {outcome}, bearward_config_current", current, 1 if outcome == "applied" else 0)

    def accounted(self, gateway, requests):
        """By the gateway's own count nothing was refused either. What wrk left at its end is its own doing."""
        admitted = gateway.metric("bearward_requests_total", reason="admitted")
        gone = gateway.metric("bearward_requests_total", reason="client_gone")
        others = gateway.metric("bearward_requests_total") - admitted - gone
        self.check("by the metrics, no request had another end than `admitted`", others, 0)
        self.holds("by the metrics, as many were admitted as the clients count", admitted >= requests, int(admitted))

    # Rotation

    def rotation(self):
        gateway = self.gateway("rotation")
        old = self.issuer.mint()
        before = self.load(gateway, "tokens of the first key", 5, old)
        time.sleep(1)
        self.issuer.rotate()
        # The gateway has never heard of its key: all of these connections ask at once.
        after = self.load(gateway, "tokens of the second key", 5, self.issuer.mint())
        questions = self.questions(gateway, "tokens of the second key, forward auth", 5, self.issuer.mint())
        requests = sum(self.none_failed(load) for load in (before, after, questions))
        self.issuer.rotate(drop=True)
        newest = self.issuer.mint()
        requests += self.none_failed(self.load(gateway, "tokens of the third key", 3, newest))
        self.accounted(gateway, requests)
        answer = ask(gateway.port, "/app", bearer(old))
        found = (answer.status, answer.challenges)
        self.check("the first key was taken away: its tokens are refused", found, (401, [INVALID]))
        gateway.program.kill()

    # SIGTERM

    def stop(self, name, clients):
        gateway = self.gateway(name)
        account = Account(name.replace(" ", "-"))
        told = threading.Event()
        running = clients(account, gateway.port, self.issuer.mint(), told)
        for client in running:
            client.start()
        time.sleep(1.5)
        busy = len(account.written) - len(account.answered)
        self.holds(f"{name}: requests are under way at SIGTERM", busy > 10, busy)
        gateway.program.tell(signal.SIGTERM)
        began = time.monotonic()
        until("nobody listens any more", 5, lambda: not accepts(gateway.port))
        told.set()
        for client in running:
            client.join(20)
        self.check(f"{name}: every client came to its end", [client for client in running if client.is_alive()], [])
        self.check(f"{name}: exit code", gateway.program.exit_code(20), 0)
        took = time.monotonic() - began
        self.holds(f"{name}: seconds to stop", took < 10, round(took, 1))

        # What the application was asked is what the clients were answered is what the gateway has logged.
        seen = [identifier for identifier in self.application.seen() if identifier.startswith(account.name)]
        self.check(f"{name}: the application was asked nothing twice", len(seen), len(set(seen)))
        answered = [identifier for identifier, status in account.answered.items() if status == 200]
        unanswered = sorted(set(seen) - set(answered))
        self.check(f"{name}: what the application was asked, and the client has no answer to", unanswered, [])
        self.check(f"{name}: answers by the application, and at the clients", len(answered), len(seen))
        ends = re.findall(r'door="proxy".*reason="(\w+)".*status=(\d+)', gateway.log_text())
        others = [end for end in ends if end != ("admitted", "200")]
        self.check(f"{name}: requests in the log with another end than `admitted`", others, [])
        self.check(f"{name}: requests in the log", len(ends), len(seen))
        self.check(f"{name}: requests written to an open connection that got no answer", account.lost, [])
        self.check(f"{name}: requests written, and answered with 200", len(answered), len(account.written))
        unread = sorted(set(account.unread) & set(seen))
        self.check(f"{name}: of the connections that nobody accepted, nothing was read", unread, [])
        self.holds(f"{name}: of these there are few", len(account.unread) < 10, len(account.unread))
        ends = sorted(set(account.ends))
        self.check(f"{name}: connections that were told of their end, before it", ends, ["said"])
        self.holds(f"{name}: requests answered", len(answered) > 200, len(answered))

    def stop_forward_auth(self):
        """Its connections are those of a proxy, which has a fixed number of them."""
        name = "forward auth"
        gateway = self.gateway(name)
        account = Account("forward-auth")
        running = [Asking(account, gateway.ports["FORWARD_AUTH"], self.issuer.mint(), "asked") for _ in range(16)]
        for client in running:
            client.start()
        time.sleep(1)
        gateway.program.tell(signal.SIGTERM)
        for client in running:
            client.join(20)
        self.check(f"{name}: exit code", gateway.program.exit_code(20), 0)
        ends = re.findall(r'door="forward_auth".*reason="(\w+)".*status=(\d+)', gateway.log_text())
        self.check(f"{name}: questions in the log with another end than `admitted`", set(ends), {("admitted", "200")})
        self.check(f"{name}: questions that were read, and answers", len(account.answered), len(ends))
        self.check(f"{name}: questions written to an open connection that got no answer", account.lost, [])
        self.check(f"{name}: connections that were told of their end, before it", set(account.ends), {"said"})

    @staticmethod
    def http1(account, port, token, told):
        clients = [Http1(account, port, token, "quick") for _ in range(12)]
        clients += [Http1(account, port, token, "delayed", delay=10 + 7 * number) for number in range(12)]
        clients += [Http1(account, port, token, "slow", delay=1000) for _ in range(4)]
        clients += [Http1(account, port, token, "streamed", pieces=12) for _ in range(2)]
        clients += [Http1(account, port, token, "uploaded", upload=12) for _ in range(2)]
        # Connected, and the first request comes when SIGTERM is long there.
        clients += [Http1(account, port, token, "late", waits=told) for _ in range(4)]
        clients += [Fresh(account, port, token) for _ in range(4)]
        return clients

    @staticmethod
    def http2(account, port, token, _told):
        clients = [Http2(account, port, token, "h2", 8, 5 + 7 * number) for number in range(6)]
        clients += [Http2(account, port, token, "h2-slow", 4, 1000) for _ in range(2)]
        return clients


def accepts(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    main(LoadRun, "wrk")
