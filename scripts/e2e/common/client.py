"""A client that sends what it is told to, byte for byte: the traps are in what other clients would correct."""

import http.client
import socket


class Answer:
    """An answer; status 0 if there was none."""

    def __init__(self, status, fields=(), body=b"", error=None):
        self.status = status
        self.fields = list(fields)
        self.body = body
        self.error = error

    def all(self, name):
        """Each line of this field."""
        return [value for key, value in self.fields if key.lower() == name]

    def field(self, name):
        return ", ".join(self.all(name)) if self.all(name) else None

    @property
    def challenges(self):
        return self.all("www-authenticate")


def ask(port, target, *fields, method="GET", host="api.example.com", body=b"", timeout=10, source=""):
    """Sends one request; `fields` are pairs, sent in this order, and `source` is the client's address."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in fields]
    head = "\r\n".join(lines) + "\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout, (source, 0)) as connection:
            connection.sendall(head.encode("latin-1") + body)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Answer(response.status, response.getheaders(), response.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, error=f"{type(error).__name__}: {error}")


def bearer(token):
    return ("Authorization", f"Bearer {token}")


def switch(port, target, protocol, *fields, host="api.example.com"):
    """Asks for another protocol; the status, and what comes back of what is said in it."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "Connection: Upgrade", f"Upgrade: {protocol}"]
    lines += ["Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines += [f"{name}: {value}" for name, value in fields]
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(4096)
                if not received:
                    return 0, b""
                head += received
            status = int(head.split(b" ", 2)[1])
            if status != 101:
                return status, b""
            # A frame of a client, masked by nothing: "hello".
            frame = b"\x81\x85\0\0\0\0hello"
            connection.sendall(frame)
            said = head.partition(b"\r\n\r\n")[2]
            while len(said) < len(frame):
                received = connection.recv(1024)
                if not received:
                    break
                said += received
            return status, said
    except OSError:
        return 0, b""
