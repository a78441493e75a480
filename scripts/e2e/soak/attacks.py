"""Attacks on the reverse proxy and on forward auth, over and over: `attacks.py PLAN`.

What is refused at once must be refused so; what holds a connection must lose it in time; and whatever is in them, the
application must not see it (it tells itself: application.py).
"""

import random
import re
import socket
import time

import hpack
import smuggling
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)
from tokens import of_unknown_keys
from worker import work

# Within which the gateway ends a connection that is silent in a head, or in a body, with some time for a busy machine.
HEAD_ENDS, BODY_ENDS = 10 + 10, 30 + 10

AMBIGUOUS = [
    "/public/../app",
    "/public/%2e%2e/app",
    "/public/..%2fapp",
    "/public/..%5capp",
    "/public/..;/app",
    "//app",
    "/public/%252e%252e/app",
]


class Attacks:
    def __init__(self, plan, account, stopped):
        self._plan = plan
        self._account = account
        self._stopped = stopped

    def loops(self):
        return [
            self.smuggle,
            self.spoof,
            self.mislead,
            self.garble,
            self.leave,
            self.drip_heads,
            self.drip_bodies,
            self.reset_streams,
            self.continue_heads,
            self.close_windows,
        ]

    # What is refused

    def smuggle(self):
        user, token = self._good()
        for what, fields, body in smuggling.ROWS:
            answer = self._raw(smuggling.request(f"/app?as={user}", token, fields, body).encode("latin-1"))
            self._check(f"smuggling, {what}", re.findall(rb"HTTP/1\.1 (\d+)", answer), [b"400"])
        time.sleep(0.2)

    def spoof(self):
        """Nobody is asking, whatever the request says."""
        names = ["X-Authgear-User-Id", "x_authgear_user_id", "X-AUTHGEAR_USER_ID", "X.Authgear.User.Id"]
        for name in names:
            self._status(f"nobody, with {name}", "/public/x?as=", [f"{name}: forged"], b"200")
            named = [f"{name}: forged", f"Connection: close, {name}"]
            self._status(f"nobody, with {name} in Connection", "/public/x?as=", named, b"200")
        user, token = self._good()
        twice = [f"Authorization: Bearer {token}", f"Authorization: Bearer {token}"]
        self._status("two Authorization fields", f"/app?as={user}", twice, b"400")
        self._status("an empty token", "/app?as=", ["Authorization: Bearer"], b"400")
        self._status("no token", "/app?as=", [], b"401")
        self._status("a token in the query", f"/app?as=&access_token={token}", [], b"401")
        (unknown,) = of_unknown_keys(token, 1)
        self._status("a public route, an unknown key", "/public/x?as=", [f"Authorization: Bearer {unknown}"], b"401")
        time.sleep(0.05)

    def mislead(self):
        user, token = self._good()
        good = f"Authorization: Bearer {token}"
        for target in AMBIGUOUS:
            self._status(f"the path {target}", f"{target}?as={user}", [good], b"400")
        self._status("a path that no route has", f"/elsewhere?as={user}", [good], b"403")
        self._status("a method in lower case", f"/app?as={user}", [good], b"400", method="get")
        port = self._plan["forward_auth"]
        original = ["X-Original-URI: /app", "X-Original-Method: GET", "X-Original-Host: api.example.com"]
        for what, fields in (
            ("one field twice", [*original, "X-Original-URI: /public"]),
            ("one field missing", original[1:]),
            ("the fields of another proxy", ["X-Forwarded-Uri: /app", "X-Forwarded-Method: GET", "X-Forwarded-Host: a"]),
        ):
            self._status(f"forward auth, {what}", "/auth/nginx", [good, *fields], b"403", port=port)
        time.sleep(0.1)

    def garble(self):
        """No HTTP at all, heads without end: no answer but 400 or 431."""
        huge = b"GET /app?as= HTTP/1.1\r\nHost: a\r\n" + b"X-Other: " + b"a" * 200_000 + b"\r\n\r\n"
        many = b"GET /app?as= HTTP/1.1\r\nHost: a\r\n" + b"X-Other: a\r\n" * 200 + b"\r\n"
        for what, octets in (
            ("noise", random.randbytes(4096) + b"\r\n\r\n"),
            ("a TLS handshake", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + random.randbytes(502)),
            ("a head of 200 KB", huge),
            ("200 fields", many),
            ("a preface and noise", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + random.randbytes(4096)),
        ):
            statuses = re.findall(rb"HTTP/1\.1 (\d+)", self._raw(octets))
            self._holds(f"garbage, {what}", not statuses or statuses in ([b"400"], [b"431"]), statuses)
        time.sleep(0.2)

    # What ends by itself

    def leave(self):
        """Clients that are gone before the answer, in a head, in a body."""
        user, token = self._good()
        head = f"POST /app?as={user}&delay=300 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        for octets in (head + "Content-Length: 0\r\n\r\n", head + "Content-Length: 100\r\n\r\nsome", head[:60]):
            with self._connected() as connection:
                connection.sendall(octets.encode())
                time.sleep(random.random() * 0.05)
            self._account.right("a client that leaves")

    def drip_heads(self):
        user, _ = self._good()
        head = f"GET /app?as={user} HTTP/1.1\r\nX-Other: "
        self._drip("a head byte by byte", head.encode(), b"a", HEAD_ENDS, {b"", b"408"})

    def drip_bodies(self):
        """A body that stops."""
        user, token = self._good()
        head = f"POST /app?as={user} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n"
        head += "Content-Length: 100\r\n\r\nsome"
        self._drip("a body that stops", head.encode(), b"", BODY_ENDS, {b"", b"408"})

    def _drip(self, what, head, more, within, allowed):
        """Connections that go on so slowly end."""
        open_ones = {self._connected(): b"" for _ in range(20)}
        for connection in open_ones:
            connection.settimeout(0.02)
            connection.sendall(head)
        end = time.monotonic() + within
        while open_ones and time.monotonic() < end and not self._stopped.is_set():
            for connection in list(open_ones):
                if more:
                    send(connection, more)
                if not ends(connection, open_ones):
                    continue
                answer = open_ones.pop(connection)
                connection.close()
                self._holds(what, answer[9:12] in allowed, answer[:40])
        for connection in open_ones:
            connection.close()
            if not self._stopped.is_set():
                self._account.fail(what, "the connection stays")

    # HTTP/2

    def reset_streams(self):
        """Rapid reset (CVE-2023-44487): the connection ends."""
        user, token = self._good()
        encoder = hpack.Encoder()

        def frames():
            for stream in range(1, 100_000, 2):
                head = HeadersFrame(stream, self._head(encoder, user, token), flags=["END_HEADERS", "END_STREAM"])
                yield head.serialize() + RstStreamFrame(stream, error_code=8).serialize()

        self._flood("streams taken back", frames())

    def continue_heads(self):
        """A head without end."""
        user, token = self._good()
        encoder = hpack.Encoder()
        field = encoder.encode([hpack.NeverIndexedHeaderTuple("x-other", "a" * 100)])

        def frames():
            yield HeadersFrame(1, self._head(encoder, user, token), flags=["END_STREAM"]).serialize()
            for _ in range(100_000):
                yield ContinuationFrame(1, field * 100).serialize()

        self._flood("a head without end", frames())

    def close_windows(self):
        """Answers that nobody takes, while the pings of the gateway are answered: within 30 s it is cut."""
        user, token = self._good()
        encoder = hpack.Encoder()
        with self._connected() as connection:
            settings = SettingsFrame(0, settings={SettingsFrame.INITIAL_WINDOW_SIZE: 0})
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings.serialize())
            for stream in range(1, 21, 2):
                head = HeadersFrame(stream, self._head(encoder, user, token), flags=["END_HEADERS", "END_STREAM"])
                connection.sendall(head.serialize())
            began = time.monotonic()
            connection.settimeout(1)
            self._hold_on(connection, began + BODY_ENDS + 20)
        if not self._stopped.is_set():
            took = time.monotonic() - began
            self._holds("closed windows: cut in time", took < BODY_ENDS + 20, round(took, 1))

    def _hold_on(self, connection, end):
        """Answers pings until the connection ends."""
        buffer = b""
        while time.monotonic() < end and not self._stopped.is_set():
            try:
                piece = connection.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return
            if not piece:
                return
            buffer += piece
            while len(buffer) >= 9:
                frame, length = Frame.parse_frame_header(memoryview(buffer[:9]))
                if len(buffer) < 9 + length:
                    break
                frame.parse_body(memoryview(buffer[9:9 + length]))
                buffer = buffer[9 + length:]
                if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
                    send(connection, PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]).serialize())

    def _flood(self, what, frames):
        """The connection ends: amid the flood, or after what still came in the meantime was thrown away."""
        ended = False
        with self._connected() as connection:
            connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())
            try:
                for frame in frames:
                    connection.sendall(frame)
                while connection.recv(65536):
                    pass
                ended = True
            except TimeoutError:
                pass
            except OSError:
                ended = True
        self._holds(f"{what}: it ends", ended, ended)
        time.sleep(1)

    @staticmethod
    def _head(encoder, user, token):
        return encoder.encode(
            [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "api.example.com"),
                (":path", f"/app?as={user}"),
                hpack.NeverIndexedHeaderTuple("authorization", f"Bearer {token}"),
            ]
        )

    # Means

    def _good(self):
        return random.choice(self._plan["tokens"])

    def _status(self, what, target, fields, expected, method="GET", port=None):
        lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields]
        if not any(field.startswith("Connection:") for field in fields):
            lines.append("Connection: close")
        answer = self._raw(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), port)
        self._check(what, answer[9:12], expected)

    def _check(self, what, found, expected):
        self._holds(what, found == expected, f"{found} where it must be {expected}")

    def _holds(self, what, is_so, found):
        if is_so:
            self._account.right(what)
        else:
            self._account.fail(what, found)

    def _connected(self, port=None):
        return socket.create_connection(("127.0.0.1", port or self._plan["proxy"]), timeout=30)

    def _raw(self, octets, port=None):
        """All that is answered until the connection ends."""
        with self._connected(port) as connection:
            answer = b""
            try:
                connection.sendall(octets)
                while piece := connection.recv(65536):
                    answer += piece
            except TimeoutError:
                answer += b"HTTP/1.1 000 the connection stays"
            except OSError:
                pass
            return answer


def send(connection, octets):
    try:
        connection.sendall(octets)
    except OSError:
        pass


def ends(connection, answers):
    """Whether it has come to its end; what was read is added to its answer."""
    try:
        piece = connection.recv(4096)
    except TimeoutError:
        return False
    except OSError:
        return True
    answers[connection] += piece
    return not piece


if __name__ == "__main__":
    work(lambda *arguments: Attacks(*arguments).loops())
