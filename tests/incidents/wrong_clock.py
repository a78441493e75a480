"""The clock of the issuer is an hour ahead of that of the gateway."""

import time as clock

from stage import id_of

COMPLAINT = "Since last night's maintenance, every login works, and then every single call gets 401. An hour later the same token works."


def happen(stage):
    stage.start()
    stage.customers()
    hour = int(clock.time()) + 3600
    ahead = stage.issuer.mint(claims={"iat": hour, "auth_time": hour}, expires_in=7200)
    refused = [stage.get(f"/orders/{number}", ahead) for number in range(4)]
    return [f"GET /orders/2 was answered with {refused[2].status}, {id_of(refused[2])}"]


def shown(stage):
    yield "the reason", stage.logged(path="/orders/2", reason="iat_in_future", status=401)
