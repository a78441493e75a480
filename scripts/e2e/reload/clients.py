"""Clients that keep account of every request they have written, and of every answer they got."""

import socket
import threading
import time

import hpack
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame


class Account:
    """What was written, and what became of it."""

    def __init__(self, name):
        self.name = name
        self._lock = threading.Lock()
        self._count = 0
        self.written = []
        self.answered = {}
        self.lost = []
        # Sent on connections that the system made and nobody accepted.
        self.unread = []
        # How each connection ended.
        self.ends = []

    def next_id(self, kind):
        with self._lock:
            self._count += 1
            return f"{self.name}-{kind}-{self._count}"

    def wrote(self, identifier):
        with self._lock:
            self.written.append(identifier)

    def got(self, identifier, status):
        with self._lock:
            self.answered[identifier] = status

    def lose(self, identifier):
        with self._lock:
            self.lost.append(identifier)

    def reset(self, identifier):
        with self._lock:
            self.written.remove(identifier)
            self.unread.append(identifier)

    def ended(self, how):
        with self._lock:
            self.ends.append(how)


class Client(threading.Thread):
    """One connection."""

    def __init__(self, account, port, token):
        super().__init__(daemon=True)
        self.account = account
        self.token = token
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Http1(Client):
    """HTTP/1.1. Sends one request after the other, until it is told that the connection closes.

    `delay` and `pieces` are for the application; with `upload`, the body is sent in so many pieces, 100 ms apart;
    `waits` is an event before each request; with `closes`, the first one is the last.
    """

    def __init__(self, account, port, token, kind, delay=None, pieces=None, upload=None, waits=None, closes=False):
        super().__init__(account, port, token)
        self.kind = kind
        self.query = "".join([f"&delay={delay}" if delay else "", f"&pieces={pieces}" if pieces else ""])
        self.upload = upload
        self.waits = waits
        self.closes = closes
        self.reader = self.socket.makefile("rb")

    def run(self):
        goes_on = True
        while goes_on:
            if self.waits:
                self.waits.wait()
            goes_on = self._once()
        self.socket.close()

    def _once(self):
        identifier = self.account.next_id(self.kind)
        unwritten = None
        try:
            self._write(identifier)
        except OSError as error:
            # Whether all of it was written cannot be known, so it counts.
            unwritten = error
        self.account.wrote(identifier)
        try:
            status, closes = self._answer()
        except (OSError, ValueError) as error:
            # A reset is told once: to who writes, if it came before.
            if self.closes and isinstance(unwritten or error, ConnectionResetError):
                # By the system: nobody had accepted it.
                self.account.reset(identifier)
                return False
            self.account.lose(identifier)
            self.account.ended("lost")
            return False
        self.account.got(identifier, status)
        if closes:
            self.account.ended("said")
        return not closes

    def _write(self, identifier):
        method = "POST" if self.upload else "GET"
        length = f"Content-Length: {4 * self.upload}\r\n" if self.upload else ""
        head = f"{method} /app?id={identifier}{self.query} HTTP/1.1\r\nHost: api.example.com\r\n"
        connection = "Connection: close\r\n" if self.closes else ""
        head += f"Authorization: Bearer {self.token}\r\n{length}{connection}\r\n"
        self.socket.sendall(head.encode())
        for _ in range(self.upload or 0):
            time.sleep(0.1)
            self.socket.sendall(b"body")

    def _answer(self):
        """The status, and whether the connection closes. ValueError if there is no whole answer."""
        status = int(self._line().split(b" ")[1])
        fields = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip().lower()
        if fields.get(b"transfer-encoding") == b"chunked":
            while size := int(self._line(), 16):
                self._bytes(size + 2)
            self._bytes(2)
        else:
            self._bytes(int(fields[b"content-length"]))
        return status, fields.get(b"connection") == b"close"

    def _line(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("it broke off")
        return line[:-2]

    def _bytes(self, count):
        if len(self.reader.read(count)) != count:
            raise ValueError("it broke off")


class Asking(Http1):
    """What a proxy with open connections asks of forward auth."""

    FIELDS = ["X-Original-URI: /app", "X-Original-Method: GET", "X-Original-Host: api.example.com"]

    def _write(self, identifier):
        lines = ["GET /auth/nginx HTTP/1.1", "Host: bearward", f"Authorization: Bearer {self.token}", *self.FIELDS]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())


class Fresh(threading.Thread):
    """HTTP/1.1 with a connection for each request, until nobody listens any more."""

    def __init__(self, account, port, token):
        super().__init__(daemon=True)
        self.account = account
        self.port = port
        self.token = token

    def run(self):
        while True:
            try:
                client = Http1(self.account, self.port, self.token, "fresh", closes=True)
            except ConnectionRefusedError:
                return
            except OSError:
                # Refused as well, by a reset.
                continue
            client.run()


class Http2(Client):
    """HTTP/2 by prior knowledge, some requests at a time, until GOAWAY; then waits for what it has asked.

    Written out frame by frame, since the package h2 reads no frame after GOAWAY.
    """

    def __init__(self, account, port, token, kind, streams, delay):
        super().__init__(account, port, token)
        self.kind = kind
        self.streams = streams
        self.delay = delay
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.next_stream = 1
        self.open = {}
        self.goes_away = False

    def run(self):
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())
        self._send(WindowUpdateFrame(0, window_increment=2**30))
        try:
            self._ask()
            while self.open or not self.goes_away:
                self._take(self._frame())
            self.account.ended("said")
        except (OSError, ValueError):
            self.account.ended("lost" if self.open else "said" if self.goes_away else "closed")
        for identifier in self.open.values():
            self.account.lose(identifier)
        self.socket.close()

    def _ask(self):
        while not self.goes_away and len(self.open) < self.streams:
            identifier = self.account.next_id(self.kind)
            stream, self.next_stream = self.next_stream, self.next_stream + 2
            fields = [
                (":method", "GET"),
                (":scheme", "http"),
                (":authority", "api.example.com"),
                (":path", f"/app?id={identifier}&delay={self.delay}"),
                ("authorization", f"Bearer {self.token}"),
            ]
            head = HeadersFrame(stream, self.encoder.encode(fields), flags=["END_HEADERS", "END_STREAM"])
            self.open[stream] = identifier
            self.account.wrote(identifier)
            self._send(head)

    def _take(self, frame):
        if isinstance(frame, HeadersFrame):
            fields = dict(self.decoder.decode(frame.data))
            self.account.got(self.open[frame.stream_id], int(fields[":status"]))
        if isinstance(frame, (DataFrame, HeadersFrame)) and "END_STREAM" in frame.flags:
            del self.open[frame.stream_id]
            self._ask()
        if isinstance(frame, GoAwayFrame):
            self.goes_away = True
        if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self._send(SettingsFrame(0, flags=["ACK"]))
        if isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            self._send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))

    def _send(self, frame):
        self.socket.sendall(frame.serialize())

    def _frame(self):
        frame, length = Frame.parse_frame_header(memoryview(self._bytes(9)))
        frame.parse_body(memoryview(self._bytes(length)))
        return frame

    def _bytes(self, count):
        taken = b""
        while len(taken) < count:
            piece = self.socket.recv(count - len(taken))
            if not piece:
                raise ValueError("it broke off")
            taken += piece
        return taken
