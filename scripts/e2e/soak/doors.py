"""The doors of the gateway: each is asked for a token and says the status, and whom the answer names."""

import os
import socket

# There are threads and child processes beside it.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc


class Http:
    """HTTP/1.1 over a connection that is made anew when it has ended."""

    def __init__(self, port):
        self._port = port
        self._socket = None
        self._reader = None

    def ask(self, token, user, extra=()):
        """The status and the user that the answer names, `None` if it names none."""
        request = self.request(token, user, extra)
        if self._socket is not None:
            try:
                return self._once(request)
            except (OSError, ValueError):
                # It may have been closed since the last answer. A new one must do.
                self.close()
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = self._socket.makefile("rb")
        return self._once(request)

    def close(self):
        if self._socket is not None:
            self._reader.close()
            self._socket.close()
            self._socket = None

    def _once(self, request):
        self._socket.sendall(request)
        status = int(self._line().split(b" ")[1])
        fields = {}
        while line := self._line():
            name, _, value = line.partition(b":")
            fields[name.lower()] = value.strip()
        length = int(fields.get(b"content-length", 0))
        if len(self._reader.read(length)) != length:
            raise ValueError("it broke off")
        if fields.get(b"connection") == b"close":
            self.close()
        named = fields.get(b"x-authgear-user-id")
        return status, named and named.decode()

    def _line(self):
        line = self._reader.readline()
        if not line.endswith(b"\r\n"):
            raise ValueError("it broke off")
        return line[:-2]


class ForwardAuth(Http):
    """What nginx asks."""

    def request(self, token, _user, extra):
        fields = [("X-Original-URI", "/app"), ("X-Original-Method", "GET"), ("X-Original-Host", "api.example.com")]
        return request("/auth/nginx", token, [*fields, *extra])


class Proxy(Http):
    """The reverse proxy. The application compares the user, and answers with 418 if it is another."""

    def request(self, token, user, extra):
        return request(f"/app?as={user}", token, extra)

    def ask(self, token, user, extra=()):
        status, named = super().ask(token, user, extra)
        return status, user if status == 200 and named is None else named


class ExtAuthz:
    """What Envoy asks over gRPC, its messages written by hand: they have few fields."""

    def __init__(self, port):
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._check = self._channel.unary_unary("/envoy.service.auth.v3.Authorization/Check")

    def ask(self, token, _user, extra=()):
        headers = {":authority": "api.example.com", "authorization": f"Bearer {token}"}
        headers.update((name.lower(), value) for name, value in extra)
        pairs = [message(3, [text(1, name), text(2, value)]) for name, value in headers.items()]
        http = message(2, [text(2, "GET"), *pairs, text(4, "/app"), text(5, "api.example.com"), text(6, "http")])
        answer = fields(self._check(message(1, [message(4, [http])]), timeout=30))
        code = fields(answer.get(1, [b""])[0]).get(1, [0])[0]
        if code == 0:
            return 200, user_of(answer[3][0])
        denied = fields(answer[2][0])
        return fields(denied[1][0])[1][0], user_of(answer[2][0])

    def close(self):
        self._channel.close()


def request(target, token, extra):
    lines = [f"GET {target} HTTP/1.1", "Host: api.example.com", f"Authorization: Bearer {token}"]
    lines += [f"{name}: {value}" for name, value in extra]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def user_of(response):
    """Of an OkHttpResponse or a DeniedHttpResponse: what its headers name."""
    for option in fields(response).get(2, []):
        if not isinstance(option, bytes):
            continue
        header = fields(fields(option)[1][0])
        if header[1][0] == b"x-authgear-user-id":
            return (header.get(2) or header[3])[0].decode()
    return None


def text(number, value):
    value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(number, parts):
    body = b"".join(parts)
    return varint(number << 3 | 2) + varint(len(body)) + body


def varint(number):
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def fields(octets):
    """The fields of a message by number, each a list."""
    found, at = {}, 0
    while at < len(octets):
        tag, at = number_at(octets, at)
        value, at = number_at(octets, at)
        if tag & 7 == 2:
            value, at = octets[at:at + value], at + value
        found.setdefault(tag >> 3, []).append(value)
    return found


def number_at(octets, at):
    number, shift = 0, 0
    while True:
        octet = octets[at]
        number |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return number, at
