"""A proxy in front of the gateway does not pass `Authorization` on."""

import threading

from client import ask
from stage import Server, Shop, id_of

COMPLAINT = "All users behind the new load balancer get 401. They swear that they send their token; the old address works."


def happen(stage):
    stage.start()
    stage.customers()

    class Balancer(Shop):
        def do_GET(self):
            answer = ask(stage.proxy, self.path, ("X-Forwarded-For", self.client_address[0]), source="127.0.0.2")
            self.send_response(answer.status)
            for name, value in answer.fields:
                if name.lower() not in ("connection", "content-length", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    balancer = Server(("127.0.0.1", 0), Balancer)
    threading.Thread(target=balancer.serve_forever, daemon=True).start()
    port = balancer.server_address[1]
    token = stage.issuer.mint()
    refused = [stage.get(f"/orders/{number}", token, port=port) for number in range(6)]
    balancer.shutdown()
    return [
        "the load balancer has the address 127.0.0.2",
        f"GET /orders/5 was answered with {refused[5].status}, {id_of(refused[5])}",
    ]


def shown(stage):
    yield "the reason and the peer", stage.logged(path="/orders/5", reason="no_credentials", peer="127.0.0.2")
    yield "others are fine", stage.logged(path="/catalogue/1", reason="admitted", peer="127.0.0.1")
