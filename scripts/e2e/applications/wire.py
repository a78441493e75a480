"""Many requests over a few connections, byte for byte, and which handler answered each."""

import asyncio
import collections

import h2.config
import h2.connection
import h2.events
import h2.exceptions

CONNECTIONS = 12
SECONDS = 6

Request = collections.namedtuple("Request", "method head body", defaults=(b"",))
Answer = collections.namedtuple("Answer", "status handler body")

# Nobody answered.
NONE = Answer(0, None, b"")


def request(target, host, token=None, fields=(), method="GET", body=b""):
    """`fields` are pairs of bytes, sent in this order."""
    lines = [method.encode() + b" " + target + b" HTTP/1.1", b"Host: " + host.encode()]
    if token:
        lines.append(b"Authorization: Bearer " + token.encode())
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(b"Content-Length: %d" % len(body))
    if body:
        lines.append(b"Content-Type: application/x-www-form-urlencoded")
    lines += [name + b": " + value for name, value in fields]
    return Request(method, b"\r\n".join(lines) + b"\r\n\r\n", body)


def ask_all(port, requests):
    """The answers to these requests, in their order."""
    return asyncio.run(_ask_all(port, list(requests)))


async def _ask_all(port, requests):
    answers = [NONE] * len(requests)
    left = iter(enumerate(requests))

    async def work():
        connection = Connection(port)
        for place, asked in left:
            answers[place] = await connection.ask(asked)
        connection.close()

    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return answers


class Connection:
    """One that is opened again when its other side has closed it."""

    def __init__(self, port):
        self._port = port
        self._reader = None
        self._writer = None

    async def ask(self, asked):
        while True:
            is_new = self._writer is None
            try:
                return await asyncio.wait_for(self._exchange(asked), SECONDS)
            except (OSError, EOFError, ValueError, asyncio.TimeoutError):
                self.close()
                # A connection that was waiting may have been closed in the meantime.
                if is_new:
                    return NONE

    async def _exchange(self, asked):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._writer.write(asked.head + asked.body)
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            if status >= 200 or status == 101:
                break
        fields = {}
        for line in head.split(b"\r\n")[1:-2]:
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        body = await self._body(asked.method, status, fields)
        if fields.get(b"connection", b"").lower() == b"close":
            self.close()
        handler = fields.get(b"x-handler")
        return Answer(status, handler.decode() if handler else None, body)

    async def _body(self, method, status, fields):
        if method == "HEAD" or status in (204, 304):
            return b""
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body = b""
            while size := int((await self._reader.readuntil(b"\r\n")).split(b";")[0], 16):
                body += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
            await self._reader.readuntil(b"\r\n")
            return body
        if b"content-length" in fields:
            return await self._reader.readexactly(int(fields[b"content-length"]))
        body = await self._reader.read()
        self.close()
        return body

    def close(self):
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def ask_all_over_http2(port, requests):
    """The same over HTTP/2. A request is (method, target, host, token, fields), all but the target as above."""
    return asyncio.run(_ask_all_over_http2(port, requests))


async def _ask_all_over_http2(port, requests):
    answers = []
    connection = None
    for asked in requests:
        for _ in range(2):
            if connection is None:
                connection = Http2Connection(port)
            try:
                answer = await asyncio.wait_for(connection.ask(*asked), SECONDS)
                break
            except (OSError, EOFError, asyncio.TimeoutError, h2.exceptions.ProtocolError):
                connection.close()
                connection, answer = None, NONE
        answers.append(answer)
    if connection is not None:
        connection.close()
    return answers


class Http2Connection:
    """With prior knowledge, one request after the other; it sends field names and targets as they are."""

    def __init__(self, port):
        config = h2.config.H2Configuration(
            header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
        )
        self._h2 = h2.connection.H2Connection(config)
        self._port = port
        self._reader = None
        self._writer = None

    async def ask(self, method, target, host, token, fields):
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._h2.initiate_connection()
        stream = self._h2.get_next_available_stream_id()
        head = [(b":method", method.encode()), (b":scheme", b"http"), (b":authority", host.encode()), (b":path", target)]
        if token:
            head.append((b"authorization", b"Bearer " + token.encode()))
        self._h2.send_headers(stream, head + list(fields), end_stream=True)
        self._writer.write(self._h2.data_to_send())
        return await self._answer(stream)

    async def _answer(self, stream):
        status, handler, body = 0, None, b""
        while True:
            data = await self._reader.read(65536)
            if not data:
                raise EOFError
            for event in self._h2.receive_data(data):
                if getattr(event, "stream_id", stream) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    fields = dict(event.headers)
                    status = int(fields[b":status"])
                    handler = fields.get(b"x-handler")
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self._h2.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamReset):
                    return NONE
                elif isinstance(event, h2.events.StreamEnded):
                    self._writer.write(self._h2.data_to_send())
                    return Answer(status, handler.decode() if handler else None, body)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    raise EOFError
            self._writer.write(self._h2.data_to_send())

    def close(self):
        if self._writer is not None:
            self._writer.close()
