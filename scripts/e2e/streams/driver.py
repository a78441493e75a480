"""The reverse proxy and everything that streams: gRPC, WebSocket, events, bodies of a GiB, HTTP/2 under load."""

import http.client
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib

# There is a gRPC server in this process, and it starts programs.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc_calls
import smuggling
import sockets
from application import BLOCK, BLOCKS, SIZE, Application, checksum_of_all
from client import ask, bearer
from ports import free_port
from processes import Program, until
from run import Gateway, Run, main

HERE = pathlib.Path(__file__).parent
# KiB that the gateway may take more of while a GiB passes.
GROWTH = 16 * 1024
# What 100 connections of 200 streams each may cost, in KiB: this, and so much for each that is admitted.
FLOOD, ADMITTED = 20 * 1024, 64
# Seconds in which another client has the first byte of its answer then.
FIRST_BYTE = 0.1
# Downloads that nobody reads, and what the gateway may hold of each, in KiB.
SLOW = 1000
HELD = 128


class StreamRun(Run):
    time_limit = 180

    def start(self):
        self.issuer.start()
        self.token = self.issuer.mint()
        self.application = Application()
        self.calls = grpc_calls.Calls()
        self.sockets = sockets.Sockets()
        fast, echo = free_port(), free_port()
        script = HERE.parent / "common" / "application.py"
        command = [sys.executable, str(script), str(fast)]
        Program("the application under load", command, self.state / "fast.log").listens(fast)
        if self.options.nghttpd:
            command = [self.options.nghttpd, "--no-tls", "--echo-upload", "--address=127.0.0.1", str(echo)]
            Program("nghttpd", command, self.state / "nghttpd.log").listens(echo)
        # Nothing is told of single requests: the log of a load would be the load.
        environment = {**os.environ, "RUST_LOG": "info,bearward::access=warn"}
        self.gateway = Gateway(self.options.bearward, self.state / "gateway", environment)
        self.gateway.write(
            (HERE / "bearward.toml").read_text(),
            ISSUER=self.issuer.url,
            APPLICATION=self.application.address,
            FAST=f"127.0.0.1:{fast}",
            ECHO=f"127.0.0.1:{echo}",
            SLOW=silent(),
            SOCKET=self.sockets.address,
            CALLS=self.calls.address,
            NOBODY=f"127.0.0.1:{free_port()}",
        )
        self.gateway.start()

    def parts(self):
        port = self.gateway.port
        yield "gRPC", lambda: grpc_calls.check(self, self.calls, port)
        yield "WebSocket", lambda: sockets.check(self, self.sockets, port)
        yield "events", self.events
        yield "smuggling", self.smuggling
        if self.options.h2load:
            yield "HTTP/2 load", self.load
            yield "requests without number", self.without_number
        yield "a GiB over HTTP/1.1", self.http1
        if self.options.curl:
            yield "a GiB over HTTP/2", self.http2
        yield "slow downloads", self.slow
        yield "the end", self.end

    # Events

    def events(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        connection.request("GET", "/app/events", headers=dict([bearer(self.token)]))
        response = connection.getresponse()
        self.in_step("events over HTTP/1.1", response.readline)
        self.application.events.put(None)
        self.check("events over HTTP/1.1: their end", response.read(), b"")
        if self.options.curl:
            asked = self.curl("/app/events", "--no-buffer")
            self.in_step("events over HTTP/2", asked.stdout.readline)
            self.application.events.put(None)
            self.check("events over HTTP/2: their end", (asked.stdout.read(), asked.wait(10)), (b"", 0))
        answer = ask(self.gateway.port, "/app/events")
        self.check("events, no token: 401", answer.status, 401)

        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=10)
        connection.request("GET", "/app/events", headers=dict([bearer(self.issuer.mint(expires_in=2))]))
        response = connection.getresponse()
        self.in_step("events, a token that expires soon", response.readline)
        # A whole body: http.client would raise IncompleteRead.
        rest = response.read()
        took = time.monotonic() - began
        self.check("events: they end in order when their token expires", rest, b"")
        self.holds("events: then, and not earlier", 0.9 <= took <= 4, round(took, 1))
        self.application.events.put(None)

    def in_step(self, what, read_line):
        """Each event is here before the next is sent."""
        found = []
        for number in range(20):
            self.application.events.put(number)
            found.append((read_line(), read_line()))
        expected = [(b"data: %d\n" % number, b"\n") for number in range(20)]
        self.check(f"{what}: 20, each before the next is sent", found, expected)

    # What two readers could read differently

    def smuggling(self):
        """On raw sockets; more of it in the gateway's own tests."""
        for what, fields, body in smuggling.ROWS:
            self.application.requests.clear()
            answer = self.raw(smuggling.request("/app/first", self.token, fields, body))
            statuses = re.findall(r"HTTP/1\.1 (\d+)", answer)
            seen = [path for path, _ in self.application.requests if "smuggled" in path]
            self.check(f"{what}: 400, and the end", (statuses, seen), (["400"], []))
        for name in ("X-Authgear-User-Id", "X-Authgear-Session-Valid", "X-Forwarded-For", "Host"):
            self.application.requests.clear()
            request = f"GET /app/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n"
            answer = self.raw(f"{request}Connection: close, {name}\r\n\r\n")
            fields = [dict(fields) for _, fields in self.application.requests]
            found = (answer[9:12], [field.lower() in map(str.lower, fields[0]) for field in (name,)])
            self.check(f"{name} named in Connection: it arrives all the same", found, ("200", [True]))

    def raw(self, text):
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=10) as connection:
            connection.sendall(text.encode("latin-1"))
            answer = b""
            try:
                while piece := connection.recv(65536):
                    answer += piece
            except TimeoutError:
                answer += b"... and the connection stays open"
            return answer.decode("latin-1")

    # Load

    def load(self):
        for what, path in (("an HTTP/1.1 upstream", "/fast"), ("an HTTP/2 upstream", "/echo")):
            if path == "/echo" and not self.options.nghttpd:
                continue
            count = 10_000
            command = [self.options.h2load, f"--requests={count}", "--clients=20", "--max-concurrent-streams=10"]
            command += ["--header", f"Authorization: Bearer {self.token}"]
            if path == "/echo":
                small = self.state / "small"
                small.write_bytes(b"hello")
                command += [f"--data={small}"]
            url = f"http://127.0.0.1:{self.gateway.port}{path}"
            done = subprocess.run([*command, url], capture_output=True, text=True, timeout=60, check=False)
            told = re.search(r"requests: .* (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
            good = re.search(r"status codes: (\d+) 2xx", done.stdout)
            found = (tuple(map(int, told.groups())), int(good[1])) if told and good else done.stdout + done.stderr
            self.check(f"HTTP/2 load, {what}: all requests succeed", found, ((count, count, 0, 0), count))
            rate = re.search(r"([\d.]+) req/s", done.stdout)
            print(f"fact  HTTP/2 load, {what}: {rate[1] if rate else '?'} requests/s")

    def without_number(self):
        """20 000 requests at a time of one client, to an application that does not answer."""
        before, _ = self.gateway.memory()
        self.gateway.forget_peak()
        url = f"http://127.0.0.1:{self.gateway.port}/slow"
        command = [self.options.h2load, "--requests=20000", "--clients=100", "--max-concurrent-streams=200", url]
        flood = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            times = [self.first_byte("/app/x") for _ in range(20)]
            # A connection all of whose 100 requests wait for the application sends no more of its 200.
            until("the flood is answered", 30, lambda: self.refused() >= 20000 - 512 - 600)
            times += [self.first_byte("/app/x") for _ in range(20)]
            held = self.gateway.metric("bearward_upstream_requests_in_progress", upstream="slow")
            self.check("requests without number: one client has half of the places", held, 512)
            waited = sorted(took for _, took in times)
            usual, worst = waited[len(waited) * 9 // 10], waited[-1]
            self.check("requests without number: others are served", {status for status, _ in times}, {b"200"})
            # Whatever else the machine does may hold one of them up.
            what = "requests without number: nine of ten within 100 ms"
            self.holds(what, usual <= FIRST_BYTE, f"{usual * 1000:.0f} ms, {worst * 1000:.0f} ms at most")
            _, peak = self.gateway.memory()
            memory = f"{before} KiB before, {peak} at most"
            most = FLOOD + ADMITTED * int(held)
            self.holds("requests without number: memory", peak - before <= most, memory)
            print(f"fact  requests without number: {memory}; {worst * 1000:.0f} ms for another client")
        finally:
            flood.kill()
            flood.wait()
        none = lambda: self.gateway.metric("bearward_upstream_requests_in_progress", upstream="slow") == 0
        until("their places are free again", 30, none)

    def refused(self):
        return self.gateway.metric("bearward_requests_total", reason="too_many_requests") or 0

    def first_byte(self, path):
        """The status that a client at another address gets, and how long its first byte takes."""
        head = f"GET {path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\nConnection: close\r\n\r\n"
        began = time.monotonic()
        address = ("127.0.0.1", self.gateway.port)
        with socket.create_connection(address, timeout=10, source_address=("127.0.0.2", 0)) as connection:
            connection.sendall(head.encode())
            first = connection.recv(12)
            return first[9:12], time.monotonic() - began

    # Large bodies

    def http1(self):
        self.checksum = checksum_of_all()
        self.warm_up()
        for framing in ("length", "chunked"):
            name = f"1 GiB up, HTTP/1.1, {framing}"
            told = self.flat(name, lambda framing=framing: self.upload(framing))
            self.check(f"{name}: all of it arrives", told, {"size": SIZE, "checksum": self.checksum, "framing": framing})
        for framing in ("length", "chunked"):
            name = f"1 GiB down, HTTP/1.1, {framing}"
            told = self.flat(name, lambda framing=framing: self.download(framing))
            self.check(f"{name}: all of it arrives", told, (framing, SIZE, self.checksum))

    def warm_up(self):
        """What is allocated once is no growth."""
        for _ in range(20):
            ask(self.gateway.port, "/app/x", bearer(self.token))
            ask(self.gateway.port, "/app/x", bearer(self.token), method="POST", body=BLOCK)

    def flat(self, what, pass_through):
        before, _ = self.gateway.memory()
        self.gateway.forget_peak()
        began = time.monotonic()
        told = pass_through()
        took = time.monotonic() - began
        after, peak = self.gateway.memory()
        memory = f"{before} KiB before, {peak} at most, {after} after"
        self.holds(f"{what}: memory is flat", peak - before <= GROWTH, memory)
        print(f"fact  {what}: {SIZE / took / 1e6:.0f} MB/s")
        return told

    def upload(self, framing):
        head = f"POST /app/upload HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n"
        chunked = framing == "chunked"
        head += "Transfer-Encoding: chunked\r\n\r\n" if chunked else f"Content-Length: {SIZE}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=30) as connection:
            connection.sendall(head.encode())
            for _ in range(BLOCKS):
                if chunked:
                    connection.sendall(b"%x\r\n" % len(BLOCK))
                connection.sendall(BLOCK)
                if chunked:
                    connection.sendall(b"\r\n")
            if chunked:
                connection.sendall(b"0\r\n\r\n")
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            return json.loads(response.read())

    def download(self, framing):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        connection.request("GET", f"/app/download/{framing}", headers=dict([bearer(self.token)]))
        response = connection.getresponse()
        size, checksum = drained(response)
        is_chunked = response.getheader("Transfer-Encoding") == "chunked"
        return "chunked" if is_chunked else "length", size, checksum

    def http2(self):
        name = "1 GiB up, HTTP/2, no length"
        told = self.flat(name, lambda: self.curl_upload("/app/upload"))
        expected = {"size": SIZE, "checksum": self.checksum, "framing": "chunked"}
        self.check(f"{name}: all of it arrives", json.loads(told), expected)
        name = "1 GiB up, HTTP/2, with Content-Length"
        told = self.flat(name, lambda: self.curl_upload("/app/upload", "--header", f"Content-Length: {SIZE}"))
        self.check(f"{name}: all of it arrives", json.loads(told), {**expected, "framing": "length"})
        for framing in ("length", "chunked"):
            name = f"1 GiB down, HTTP/2, {framing} at the application"
            told = self.flat(name, lambda framing=framing: self.curl_download(f"/app/download/{framing}"))
            self.check(f"{name}: all of it arrives", told, (SIZE, self.checksum, 0))
        if self.options.nghttpd:
            name = "1 GiB up and down, HTTP/2 on both sides"
            told = self.flat(name, lambda: self.curl_echo("/echo"))
            self.check(f"{name}: all of it comes back", told, (SIZE, self.checksum, 0))

    # Slow downloads

    def slow(self):
        """Clients that ask for a GiB and read nothing of it."""
        # The ends of clients and application are here.
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        self.warm_up()
        before, _ = self.gateway.memory()
        connections = []
        asked = f"GET /app/download/length HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {self.token}\r\n\r\n".encode()
        try:
            for _ in range(SLOW):
                connection = socket.socket()
                # The system takes little of it.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                connection.connect(("127.0.0.1", self.gateway.port))
                connection.sendall(asked)
                connections.append(connection)
            held = self.settled() - before
        finally:
            for connection in connections:
                connection.close()
        self.holds(f"{SLOW} slow downloads: {HELD} KiB each at most", held <= SLOW * HELD, f"{held} KiB in all")

    def settled(self):
        """Resident memory when it does not grow any more, in KiB."""
        last, same = 0, 0
        for _ in range(100):
            now, _ = self.gateway.memory()
            same = same + 1 if now <= last + 64 else 0
            if same == 6:
                break
            last = max(now, last)
            time.sleep(0.5)
        return last

    def curl(self, path, *options, **pipes):
        command = [self.options.curl, "--silent", "--show-error", "--http2-prior-knowledge", *options]
        command += ["--header", f"Authorization: Bearer {self.token}", f"http://127.0.0.1:{self.gateway.port}{path}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, **pipes)

    def curl_upload(self, path, *options):
        options = ("--request", "POST", "--upload-file", "-", *options)
        curl = self.curl(path, *options, stdin=subprocess.PIPE)
        for _ in range(BLOCKS):
            curl.stdin.write(BLOCK)
        curl.stdin.close()
        answer = curl.stdout.read()
        curl.wait(30)
        return answer

    def curl_download(self, path):
        curl = self.curl(path)
        return *drained(curl.stdout), curl.wait(30)

    def curl_echo(self, path):
        """What is sent back begins when all of it has arrived."""
        curl = self.curl(path, "--request", "POST", "--upload-file", "-", stdin=subprocess.PIPE)
        for _ in range(BLOCKS):
            curl.stdin.write(BLOCK)
        curl.stdin.close()
        return *drained(curl.stdout), curl.wait(30)

    def end(self):
        """After all of that: it stops in order, and there was no panic."""
        others = self.gateway.metric("bearward_requests_total", reason="internal")
        self.check("no internal error", others, 0)
        self.gateway.program.tell(signal.SIGTERM)
        self.check("exit code", self.gateway.program.exit_code(20), 0)
        self.check("no panic", "panicked" in self.gateway.log_text(), False)
        self.sockets.stop()
        self.calls.stop()


def silent():
    """An application that accepts and never answers; its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    held = []

    def accept():
        while True:
            held.append(listener.accept())

    threading.Thread(target=accept, daemon=True).start()
    return f"127.0.0.1:{listener.getsockname()[1]}"


def drained(stream):
    """The size and the checksum of what is read."""
    size, checksum = 0, 0
    while piece := stream.read(1 << 18):
        size += len(piece)
        checksum = zlib.crc32(piece, checksum)
    return size, checksum


if __name__ == "__main__":
    main(StreamRun, "curl", "h2load", "nghttpd")
