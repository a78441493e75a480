"""The servers of the test itself: an application that shows what reaches it, an auth service that answers as told."""

import base64
import hashlib
import http.server
import json
import socket
import threading
import time


class Request:
    """A request as it came: the target raw, the fields in order and in their spelling."""

    def __init__(self, handler, body):
        words = str(handler.raw_requestline, "latin-1").split()
        self.method = words[0]
        # Not `handler.path`, which Python repairs.
        self.target = words[1]
        self.fields = handler.headers.items()
        self.body = body

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name]

    def json(self):
        told = {"method": self.method, "target": self.target, "headers": self.fields}
        return json.dumps(told).encode()


class Server:
    """Serves on a free port of loopback, in threads, and keeps what was asked."""

    def __init__(self):
        self.requests = []
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                request = Request(self, self.rfile.read(length) if length else b"")
                server.requests.append(request)
                server.answer(self, request)

            def log_message(self, *_arguments):
                pass

        for method in ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"):
            setattr(Handler, f"do_{method}", Handler.handle_any)
        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def answer(self, handler, request):
        raise NotImplementedError


class Application(Server):
    """Answers every request with 200 and what it received, as JSON; switches to whatever protocol is asked for."""

    def answer(self, handler, request):
        if request.all("upgrade"):
            self.switch(handler, request.all("upgrade")[0])
            return
        body = request.json()
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if request.method != "HEAD":
            handler.wfile.write(body)


    @staticmethod
    def switch(handler, protocol):
        """A protocol in which everything comes back."""
        handler.send_response(101)
        handler.send_header("Connection", "Upgrade")
        handler.send_header("Upgrade", protocol)
        key = handler.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        handler.send_header("Sec-WebSocket-Accept", accept)
        handler.end_headers()
        handler.close_connection = True
        while received := handler.connection.recv(1024):
            handler.wfile.write(received)


class AuthService(Server):
    """Answers as told: with fields that bearward never sends, with statuses it avoids, or not at all."""

    SILENT = "/silent"

    def __init__(self):
        super().__init__()
        self.tell(200)

    def tell(self, status, *lines):
        """From now on, this status and these raw field lines."""
        head = [b"HTTP/1.1 %d Told" % status, *lines]
        if status != 204:
            head.append(b"Content-Length: 0")
        self._answer = b"\r\n".join(head) + b"\r\n\r\n"
        self.requests.clear()

    def answer(self, handler, request):
        told = [request.target, *request.all("x-original-uri"), *request.all("x-forwarded-uri")]
        if any(self.SILENT in target for target in told):
            time.sleep(600)
        handler.wfile.write(self._answer)
        # What follows an answer that a proxy could read in two ways is nobody's business.
        handler.close_connection = True


class Silent:
    """A port on which connections are made, and nothing is ever said."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"


class Stuck:
    """A port on which no connection is ever made: its queue is full, and nobody takes from it."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self.port = self._listener.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        self._queued = []
        for _ in range(8):
            connection = socket.socket()
            connection.setblocking(False)
            connection.connect_ex(("127.0.0.1", self.port))
            self._queued.append(connection)
