"""An application that is fast enough to be put under load, as a program of its own: `application.py PORT`.

It answers every request with 200 and four bytes. The query says what else: `id=X` is kept, and told by `/-/seen`;
`delay=MS` is how long the answer takes; `pieces=N` answers in so many chunks, 100 ms apart. A body is read to its end.
"""

import asyncio
import json
import sys
import urllib.parse


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after the other."""

    seen = []

    def __init__(self):
        self._buffer = b""
        self._body = 0
        self._target = None
        self._busy = False
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        self._go_on()

    def _go_on(self):
        while not self._busy:
            if self._target is None and not self._take_head():
                return
            if len(self._buffer) < self._body:
                return
            self._buffer = self._buffer[self._body:]
            target, self._target = self._target, None
            self._answer(target)

    def _take_head(self):
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        self._buffer = rest
        line, *fields = head.split(b"\r\n")
        self._target = line.split(b" ")[1].decode()
        lengths = [field for field in fields if field.lower().startswith(b"content-length:")]
        self._body = int(lengths[0].split(b":")[1]) if lengths else 0
        return True

    def _answer(self, target):
        path, _, query = target.partition("?")
        asked = dict(urllib.parse.parse_qsl(query))
        if path == "/-/seen":
            self._write(json.dumps(self.seen).encode())
            return
        if "id" in asked:
            self.seen.append(asked["id"])
        self._busy = True
        if "pieces" in asked:
            self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            self._piece(int(asked["pieces"]))
        elif "delay" in asked:
            asyncio.get_running_loop().call_later(int(asked["delay"]) / 1000, self._answered)
        else:
            self._busy = False
            self._write(b"done")

    def _piece(self, left):
        if left == 0:
            self._transport.write(b"0\r\n\r\n")
            self._busy = False
            self._go_on()
            return
        self._transport.write(b"4\r\ndone\r\n")
        asyncio.get_running_loop().call_later(0.1, self._piece, left - 1)

    def _answered(self):
        self._write(b"done")
        self._busy = False
        self._go_on()

    def _write(self, body):
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
