"""`bearward serve` at full load for a long time, while everything happens that can: no verdict may be wrong, and what it
takes of the machine must not grow.
"""

import collections
import itertools
import json
import os
import pathlib
import random
import re
import signal
import sys
import threading
import time

from churn import Changing, Churn, Reloads
from client import ask, bearer
from doors import ForwardAuth
from ports import free_port
from processes import Program, until
from run import Gateway, Issuer, Run, filled, main
from tokens import Mint, forged, of_unknown_keys, spoilt
from watch import MIB, Watch
from worker import Account

HERE = pathlib.Path(__file__).parent
CONFIG = (HERE / "bearward.toml").read_text()
USERS = [f"user-{number}" for number in range(8)]
TOKENS = 250
# Seconds of a round of wrk and h2load: its connections end, and others are made.
ROUND = 20
# MiB an hour that memory may grow by in the second half. A run of 20 minutes tells a MiB or two from none.
SLOPE = 12
# MiB that it may take more at the end of a short run, whose second half is too short for a slope.
GROWTH = 64
ORIGINAL = [("X-Original-URI", "/app"), ("X-Original-Method", "GET"), ("X-Original-Host", "api.example.com")]


class SoakGateway(Gateway):
    DOORS = ("ADMIN", "EXT_AUTHZ", "FORWARD_AUTH", "PROXY")


class SoakRun(Run):
    def __init__(self, options):
        super().__init__(options)
        self.seconds = float(options.minutes) * 60
        self.time_limit = self.seconds + 240
        self.account = Account()
        self.stopped = threading.Event()
        self.bulk = collections.Counter()
        self.workers = []

    def parts(self):
        yield "each spoilt token is refused for its own reason", self.reasons
        yield f"{self.options.minutes} minutes", self.soak
        yield "the end", self.end

    # The scene

    def start(self):
        self.issuers = {}
        for name in ("steady", "first", "second", "passing"):
            issuer = Issuer(self.options.bearward, self.state)
            issuer._log = self.state / f"issuer-{name}.log"  # pylint: disable=protected-access
            issuer.start()
            self.issuers[name] = issuer.url
        self.mint = Mint(self.issuers["steady"])
        self.spoilt = spoilt(self.mint)
        self.tokens = {user: [self.mint.token(user, claims={"jti": f"{user}-{n}"}) for n in range(TOKENS)] for user in USERS}
        self.application = free_port()
        self.run_program("application", self.application)
        self.gateway = SoakGateway(self.options.bearward, self.state / "gateway")
        config = filled(CONFIG, {**self.gateway.addresses, **self.values()})
        self.gateway.write(config)
        self.gateway.start()
        self.config = config

    def values(self):
        keys = free_port()
        sets = [key for name in ("steady", "first", "second") for key in Mint(self.issuers[name]).keys()]
        file = self.state / "keys.json"
        file.write_text(json.dumps([sets[0], *({**key, "kid": f"other-{n}"} for n, key in enumerate(sets[1:]))]))
        self.run_program("keys", keys, str(file))
        return {
            "STEADY": self.issuers["steady"],
            "STEADY_KEYS": f"http://127.0.0.1:{keys}/keys",
            "FIRST": self.issuers["first"],
            "SECOND": self.issuers["second"],
            "PASSING": self.issuers["passing"],
            "APPLICATION": f"127.0.0.1:{self.application}",
        }

    def run_program(self, name, port, *arguments):
        command = [sys.executable, "-B", str(HERE / f"{name}.py"), str(port), *arguments]
        Program(name, command, self.state / f"{name}.log").listens(port)

    # While it is quiet

    def reasons(self):
        door = ForwardAuth(self.gateway.ports["FORWARD_AUTH"])
        for what, token, reason in self.spoilt:
            before = self.gateway.metric("bearward_requests_total", reason=reason)
            answer = door.ask(token, "nobody")
            counted = self.gateway.metric("bearward_requests_total", reason=reason) - before
            self.check(f"a token {what}: 401, {reason}", (answer, counted), ((401, None), 1))
        door.close()

    # The load

    def soak(self):
        before = {reason: self.counted(reason) for _, _, reason in self.spoilt}
        watch = self.watch = Watch(self, self.gateway)
        print(watch.line())
        watch.start()
        churn = self.churn()
        churn.start()
        self.start_workers()
        loads = [threading.Thread(target=self.guarded_load, args=load, daemon=True) for load in self.loads()]
        for load in loads:
            load.start()
        end = time.monotonic() + self.seconds
        while time.monotonic() < end and not self.gateway.program.ended():
            self.stopped.wait(1)
            for worker in self.workers:
                if worker.ended() and not self.stopped.is_set():
                    raise RuntimeError(f"a worker has ended; see {worker.log}")
        self.stopped.set()
        for load in loads:
            load.join(ROUND + 60)
        churn.join()
        self.end_workers()
        watch.stop()
        self.report(churn, before)

    def churn(self):
        churn = Churn(self, self.gateway, self.stopped)
        faults = Mint(self.issuers["first"]).faults()
        turns = itertools.cycle(faults)
        changing = (("first", 2), ("second", 45))
        churn.changing = [Changing(churn, self.issuers[name], phase, turns) for name, phase in changing]
        churn.reloads = Reloads(churn, self.config, self.issuers["passing"])
        return churn

    def start_workers(self):
        plan = {
            "steady": self.issuers["steady"],
            "forward_auth": self.gateway.ports["FORWARD_AUTH"],
            "ext_authz": self.gateway.ports["EXT_AUTHZ"],
            "proxy": self.gateway.port,
            "tokens": [(user, token) for user in USERS for token in self.tokens[user][:40]],
            "spoilt": self.spoilt,
        }
        for name in ("asking", "attacks"):
            file = self.state / f"{name}.json"
            account = self.state / f"{name}-account.json"
            file.write_text(json.dumps({**plan, "account": str(account), "seed": len(self.workers) + 1}))
            command = [sys.executable, "-B", str(HERE / f"{name}.py"), str(file)]
            self.workers.append(Program(name, command, self.state / f"{name}.log"))

    def end_workers(self):
        self.told = []
        for worker in self.workers:
            worker.tell(signal.SIGTERM)
        for worker in self.workers:
            self.check(f"{worker.name}: exit code", worker.exit_code(60), 0)
            self.told.append((worker.name, json.loads((self.state / f"{worker.name}-account.json").read_text())))
        self.told.append(("churn", self.account.told()))

    def loads(self):
        """Name, and a function that makes the command of a round."""
        good = self.mint.token("user-0")
        question = f"http://127.0.0.1:{self.gateway.ports['FORWARD_AUTH']}/auth/nginx"
        for user in USERS[:2]:
            file = self.file(user, self.tokens[user])
            yield f"forward auth, {user}", lambda file=file, user=user: self.wrk(question, file, 200, user, 0, 8, ORIGINAL)
        for what, refused in (("forged", forged(good, 2000)), ("unknown keys", of_unknown_keys(good, 2000))):
            file = self.file(what, refused)
            yield f"forward auth, {what}", lambda file=file: self.wrk(question, file, 401, "-", 2, 4, ORIGINAL)
        for user in USERS[2:4]:
            url = f"http://127.0.0.1:{self.gateway.port}/app?as={user}"
            file = self.file(user, self.tokens[user])
            # The application tells a wrong user by its status.
            yield f"reverse proxy, {user}", lambda url=url, file=file: self.wrk(url, file, 200, "-", 0, 8)
        if self.options.h2load:
            yield "reverse proxy over HTTP/2", self.h2load

    def file(self, name, tokens):
        file = self.state / f"tokens-{name}".replace(" ", "-")
        file.write_text("\n".join(tokens) + "\n")
        return file

    def wrk(self, url, file, status, user, pause, connections, fields=()):
        seconds = max(1, min(ROUND, int(self.seconds / 3)))
        command = [self.options.wrk, "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
        command += ["--timeout", "20s", "--script", str(HERE / "verdicts.lua"), url, "--"]
        command += [str(file), str(status), user, str(pause), *(part for field in fields for part in field)]
        return command, self.wrk_told

    @staticmethod
    def wrk_told(text):
        told = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
        broken = {what: told[what] for what in ("connect", "read", "write", "timeout") if told[what]}
        wrong = [f"{told['wrong']} answers, the first {told['first']}"] if told["wrong"] else []
        return told["right"], wrong + ([f"connections: {broken}"] if broken else [])

    def h2load(self):
        user = random.choice(USERS)
        token = random.choice(self.tokens[user])
        count = 20_000 if self.seconds > 120 else 3_000
        command = [self.options.h2load, f"--requests={count}", "--clients=4", "--max-concurrent-streams=10"]
        command += ["--header", f"Authorization: Bearer {token}", f"http://127.0.0.1:{self.gateway.port}/app?as={user}"]
        return command, lambda text: self.h2load_told(text, count)

    @staticmethod
    def h2load_told(text, count):
        good = re.search(r"status codes: (\d+) 2xx", text)
        good = int(good[1]) if good else 0
        return good, [] if good == count else [text]

    def guarded_load(self, name, command):
        turn = 0
        try:
            while not self.stopped.is_set():
                turn += 1
                arguments, told = command()
                log = self.state / f"load-{turn}-{re.sub('[^a-z0-9]+', '-', name.lower())}.out"
                program = Program(name, arguments, log)
                status = program.exit_code(ROUND + 300)
                right, wrong = told(log.read_text())
                self.bulk[name] += right
                for what in wrong if status == 0 else [*wrong, f"exit code {status}"]:
                    self.account.fail(name, what)
                log.unlink()
        except Exception as error:  # pylint: disable=broad-except
            self.fail(name, "an end", f"{type(error).__name__}: {error}")

    # What is said of it

    def counted(self, reason):
        return self.gateway.metric("bearward_requests_total", reason=reason)

    def report(self, churn, before):
        requests, wrong = collections.Counter(self.bulk), 0
        sent = collections.Counter()
        for name, told in self.told:
            requests[name] = sum(told["requests"].values())
            sent.update(told["reasons"])
            wrong += told["wrong"]
            for first in told["first"]:
                print(f"FAIL {name}: {first}")
            (self.state / f"{name}-requests.json").write_text(json.dumps(told["requests"], indent=1))
        for what, count in requests.items():
            print(f"fact  {what}: {count}")
        total = sum(requests.values())
        print(f"fact  {total} requests with a known verdict, {total / self.watch.samples[-1][0]:.0f} a second")
        self.check("wrong verdicts", wrong, 0)
        self.holds("requests", total > 20 * self.seconds, total)
        account = json.loads(ask(self.application, "/-/account").body)
        self.check("what the application has to object to", (account["wrong"], account["first"]), (0, []))
        print(f"fact  the application was asked {account['requests']} times")

        # Those whose reasons nobody else causes.
        shared = {"admitted", "issuer_unknown", "kid_unknown", "signature_invalid"}
        reasons = sorted({reason for _, _, reason in self.spoilt} - shared)
        counted = {reason: int(self.counted(reason) - before[reason]) for reason in reasons}
        self.check("refusals by reason, sent and counted", counted, {reason: sent[reason] for reason in reasons})
        self.all_reasons()
        self.changes(churn)
        self.memory()

    def all_reasons(self):
        text = self.gateway.admin("/metrics").body.decode()
        found = collections.Counter()
        for reason, count in re.findall(r'bearward_requests_total\{[^}]*reason="(\w+)"[^}]*\} (\d+)', text):
            # Some start at 0.
            if int(count):
                found[reason] += int(count)
        print(f"fact  by the gateway's count: {dict(found.most_common())}")
        wrong = {reason: count for reason, count in found.items() if reason in ("internal", "no_keys") or "upstream" in reason}
        self.check("requests that failed here or at the application", wrong, {})
        for name in ("bearward_token_cache_lookups_total", "bearward_log_lines_left_out_total", "bearward_keys_fetches_total"):
            print(*(f"fact  {line}" for line in text.splitlines() if line.startswith(name)), sep="\n")

    def changes(self, churn):
        reloads = churn.reloads
        print(f"fact  {reloads.applied} reloads applied, {reloads.refused} refused")
        self.holds("reloads", reloads.applied > 2, reloads.applied)
        rotations = sum(changing.rotations for changing in churn.changing)
        self.holds("rotations", rotations > 0, rotations)
        print(f"fact  faults: {', '.join(fault for changing in churn.changing for fault in changing.broken)}")
        refreshes = self.gateway.metric("bearward_keys_generation", issuer=self.issuers["steady"])
        print(f"fact  generations of the steady issuer's keys: {int(refreshes)}")

    def memory(self):
        watch = self.watch
        first, last = watch.samples[0], watch.samples[-1]
        peak = max(memory for _, memory, *_ in watch.samples)
        grown = (last[1] - first[1]) / MIB
        print(f"fact  memory: {first[1] / MIB:.1f} MiB before, {peak / MIB:.1f} at most, {last[1] / MIB:.1f} at the end")
        slope = watch.slope()
        if self.seconds >= 1200:
            self.holds(f"memory in the second half, MiB an hour, at most {SLOPE}", slope <= SLOPE, round(slope, 2))
        self.holds(f"memory: MiB grown by, at most {GROWTH}", grown <= GROWTH, round(grown, 1))
        for column, what, more in ((2, "descriptors", 40), (3, "threads", 4)):
            middle, end = watch.mean(column, 0.25, 0.5), watch.mean(column, 0.75, 1)
            self.holds(f"{what}: no more at the end than before", end <= middle + more, f"{middle:.0f}, then {end:.0f}")
        print(f"fact  {watch.lines} lines logged, {watch.lines_of_refusals} of them not of admitted requests")
        self.holds("lines a second that are not of admitted requests: bounded", watch.most_lines <= 150, round(watch.most_lines))
        self.check("in the log", watch.mistakes, {"panics": 0, "tokens": 0, "errors": []})

    # The end

    def end(self):
        """When all clients are gone, so are their connections. Then it stops in order."""
        before = self.watch.samples[0]
        self.holds("it answers", ask(self.gateway.port, "/app?as=user-0", bearer(self.tokens["user-0"][0])).status == 200, "200")
        # Of the application's some are kept.
        most = before[2] + 64 + 10
        try:
            until("the connections of clients are gone", 60, lambda: self.watch.sample()[2] <= most)
        except RuntimeError:
            pass
        descriptors = self.watch.sample()[2]
        self.holds(f"descriptors without load: {before[2]} before, and now", descriptors <= most, descriptors)
        self.gateway.program.tell(signal.SIGTERM)
        self.check("exit code", self.gateway.program.exit_code(40), 0)
        self.check("no panic", "panicked" in self.gateway.log_text(), False)


if __name__ == "__main__":
    main(SoakRun, "wrk", "h2load", "minutes")
