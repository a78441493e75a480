"""The issuer removed the key of tokens that clients still hold."""

from stage import id_of, until

COMPLAINT = "Since a few minutes ago, the mobile app gets 401 for everyone who has been logged in for a while. Whoever logs in again is fine."


def happen(stage):
    stage.start()
    old = stage.issuer.mint()
    stage.customers(token=old)
    stage.issuer.rotate(drop=True)
    fresh = stage.issuer.mint()
    until("the new key is known", 20, lambda: stage.get("/catalogue/1", fresh).status == 200)
    refused = [stage.get(f"/orders/{number}", old) for number in range(4)]
    stage.customers(token=fresh)
    return [f"GET /orders/3 was answered with {refused[3].status}, {id_of(refused[3])}"]


def shown(stage):
    yield "the reason", stage.logged(path="/orders/3", reason="kid_unknown", status=401)
    yield "the metric", stage.has_metric("bearward_requests_total", 'reason="kid_unknown"')
    yield "the generation of the keys", stage.has_metric("bearward_keys_generation", " 2")
