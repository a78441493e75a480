"""WebSocket: a client and a server of the package websockets."""

import threading
import time

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import serve

from run import INVALID, REALM, claims_of


class Sockets:
    """Sends back what it gets; `leave` makes it close."""

    def __init__(self):
        self.requests = []
        self.ends = []
        self._server = serve(self._handle, "127.0.0.1", 0, subprotocols=["chat"], max_size=None)
        self.address = f"127.0.0.1:{self._server.socket.getsockname()[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _handle(self, socket):
        self.requests.append(socket.request)
        try:
            for message in socket:
                if message == "leave":
                    socket.close(4001, "as asked")
                    return
                socket.send(message)
            self.ends.append(socket.close_code)
        except ConnectionClosed:
            self.ends.append(None)

    def stop(self):
        self._server.shutdown()


def check(run, sockets, port):
    """The checks, told to `run`."""

    def opened(token, **headers):
        fields = {"Authorization": f"Bearer {token}", **headers} if token else headers
        return connect(f"ws://127.0.0.1:{port}/socket", additional_headers=fields, subprotocols=["chat"], max_size=None)

    token = run.issuer.mint()
    with opened(token, **{"X-Authgear-User-Id": "forged", "X_Authgear_User_Id": "forged"}) as socket:
        for what, message in (
            ("text", "a\r\n\r\nb ü"),
            ("an empty message", ""),
            ("what looks like a request", "GET /app HTTP/1.1\r\nHost: a\r\n\r\n"),
            ("4 MiB", bytes(range(256)) * (4 << 12)),
        ):
            socket.send(message)
            run.check(f"WebSocket, {what}: comes back", socket.recv(10) == message, True)
        for number in range(500):
            socket.send(str(number))
        echoed = [socket.recv(10) for _ in range(500)]
        run.check("WebSocket, 500 messages: in their order", echoed == [str(number) for number in range(500)], True)
        run.check("WebSocket, a ping: answered", socket.ping().wait(5), True)
        run.check("WebSocket: the subprotocol is agreed on", socket.subprotocol, "chat")
    request = sockets.requests[-1]
    found = (request.headers.get_all("X-Authgear-User-Id"), request.headers.get("X_Authgear_User_Id"))
    run.check("WebSocket: the server has the user from the token", found, ([claims_of(token)["sub"]], None))
    run.check("WebSocket: and not the token", request.headers.get("Authorization"), None)
    deadline = time.monotonic() + 5
    while not sockets.ends and time.monotonic() < deadline:
        time.sleep(0.01)
    run.check("WebSocket, closed by the client: the server gets its code", sockets.ends, [1000])

    with opened(token) as socket:
        socket.send("leave")
        run.check("WebSocket, closed by the server: the client gets its code", end_of(socket), (4001, "as asked"))

    for what, bad, challenge in (
        ("no token", None, REALM),
        ("an expired token", run.issuer.mint(expires_in=-3600), INVALID),
    ):
        count = len(sockets.requests)
        try:
            opened(bad).close()
            found = "open"
        except InvalidStatus as error:
            response = error.response
            found = (response.status_code, response.headers.get_all("WWW-Authenticate"), len(sockets.requests) - count)
        run.check(f"WebSocket, {what}: 401", found, (401, [challenge], 0))

    began = time.monotonic()
    with opened(run.issuer.mint(expires_in=2)) as short, opened(token) as long:
        short.send("still")
        run.check("WebSocket, a token that expires soon: works", short.recv(5), "still")
        # No closing handshake: that would be a message the application did not send.
        end = end_of(short)
        took = time.monotonic() - began
        run.check("WebSocket: closed when its token expires", end, (1006, ""))
        run.holds("WebSocket: then, and not earlier", 0.9 <= took <= 4, round(took, 1))
        long.send("still")
        run.check("WebSocket, a token that does not: goes on", long.recv(5), "still")


def end_of(socket):
    try:
        socket.recv(10)
        return "a message"
    except ConnectionClosed:
        return socket.close_code, socket.close_reason
