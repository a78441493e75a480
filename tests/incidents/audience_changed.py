"""A client requests tokens for another audience since its last release."""

from stage import id_of

COMPLAINT = "Release 4.2 of the web shop is out. Its users are logged in, but cannot see their orders. Release 4.1 still works."


def happen(stage):
    stage.start()
    stage.customers()
    other = stage.issuer.mint(audience="https://shop.example/v2")
    refused = [stage.get(f"/orders/{number}", other) for number in range(4)]
    return [f"GET /orders/1 was answered with {refused[1].status}, {id_of(refused[1])}"]


def shown(stage):
    yield "the reason", stage.logged(path="/orders/1", reason="aud_mismatch", status=401)
    yield "the metric", stage.has_metric("bearward_requests_total", 'reason="aud_mismatch"')
