"""The application behind the gateway, as a program of its own: `application.py PORT`.

It knows who must be asking, since the query says so: `as=USER`, or `as=` for nobody. A request that names somebody
else, or carries what only an attacker wrote, is answered with 418 and kept; `/-/account` tells how many requests there
were and what was wrong with which. `delay=MS` is how long the answer takes.
"""

import asyncio
import json
import re
import sys
import urllib.parse

# What the authgear preset writes for a user.
KNOWN = re.compile(rb"x-authgear-(session-(valid|amr|acr|authenticated-at)|user-(id|anonymous|verified|can-reauthenticate))")
# However somebody spells it.
SPELT = re.compile(rb"x[^a-z0-9]authgear")


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after the other."""

    requests = 0
    wrong = []

    def __init__(self):
        self._buffer = b""
        self._head = None
        self._body = 0
        self._busy = False
        self._transport = None

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._buffer += data
        self._go_on()

    def _go_on(self):
        while not self._busy:
            if self._head is None and not self._take_head():
                return
            if not self._take_body():
                return
            (target, fields), self._head = self._head, None
            self._answer(target, fields)

    def _take_head(self):
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return False
        self._buffer = rest
        line, *lines = head.split(b"\r\n")
        fields = []
        for field in lines:
            name, _, value = field.partition(b":")
            fields.append((name.strip().lower(), value.strip()))
        lengths = [int(value) for name, value in fields if name == b"content-length"]
        is_chunked = (b"transfer-encoding", b"chunked") in fields
        self._body = None if is_chunked else sum(lengths)
        self._head = line.split(b" ")[1].decode(), fields
        return True

    def _take_body(self):
        if self._body is None:
            # Bodies are text here, without the bytes that end them.
            _, end, rest = (b"\r\n" + self._buffer).partition(b"\r\n0\r\n\r\n")
            if not end:
                return False
            self._buffer = rest
            return True
        if len(self._buffer) < self._body:
            return False
        self._buffer = self._buffer[self._body:]
        return True

    def _answer(self, target, fields):
        path, _, query = target.partition("?")
        if path == "/-/account":
            account = {"requests": self.requests, "wrong": len(self.wrong), "first": self.wrong[:20]}
            self._write(b"200 OK", json.dumps(account).encode())
            return
        Connection.requests += 1
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        reason = mistake(path, asked.get("as"), fields)
        if reason:
            self.wrong.append(f"{path}: {reason}")
            self._write(b"418 Wrong", reason.encode())
        elif "delay" in asked:
            self._busy = True
            asyncio.get_running_loop().call_later(int(asked["delay"]) / 1000, self._late)
        else:
            self._write(b"200 OK", b"done")

    def _late(self):
        self._write(b"200 OK", b"done")
        self._busy = False
        self._go_on()

    def _write(self, status, body):
        self._transport.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))


def mistake(path, user, fields):
    """What is wrong with this request; `None` if it is as it must be."""
    if not path.startswith(("/app", "/public")) or user is None:
        return "a request that nobody has sent"
    said = {}
    for name, value in fields:
        if value == b"forged":
            return f"what a client forged has arrived: {name.decode('latin-1')}"
        if name == b"authorization":
            return "the access token has arrived"
        if SPELT.match(name):
            if name in said or not KNOWN.fullmatch(name):
                return f"an identity field twice, or of a name that is none: {name.decode('latin-1')}"
            said[name] = value
    if not user:
        return f"nobody is asking, and there are {len(said)} identity fields" if said else None
    if said.get(b"x-authgear-user-id") != user.encode() or said.get(b"x-authgear-session-valid") != b"true":
        return "it is another user, or none"
    return None


async def serve(port):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
