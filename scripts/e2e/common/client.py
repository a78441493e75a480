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


def ask(port, target, *fields, method="GET", host="api.example.com", body=b"", timeout=10):
    """Sends one request; `fields` are pairs, sent in this order."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    lines += [f"{name}: {value}" for name, value in fields]
    head = "\r\n".join(lines) + "\r\n\r\n"
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
            connection.sendall(head.encode("latin-1") + body)
            response = http.client.HTTPResponse(connection, method=method)
            response.begin()
            return Answer(response.status, response.getheaders(), response.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, error=f"{type(error).__name__}: {error}")


def bearer(token):
    return ("Authorization", f"Bearer {token}")
