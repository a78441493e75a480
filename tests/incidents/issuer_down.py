"""Nothing listens where the issuer should be."""

from stage import free_port, id_of

COMPLAINT = "We moved the gateway to the new cluster this morning. Nobody can use the API: every call is answered with 503."


def happen(stage):
    stage.start(issuer_lines=f'jwks_uri = "http://127.0.0.1:{free_port()}/oauth2/jwks"', waits=False)
    token = stage.issuer.mint()
    refused = [stage.get(f"/orders/{number}", token) for number in range(4)]
    return [f"GET /orders/0 was answered with {refused[0].status}, {id_of(refused[0])}"]


def shown(stage):
    yield "the reason", stage.logged(path="/orders/0", reason="keys_unavailable", status=503)
    yield "no keys", any(not issuer["usable"] for issuer in stage.issuers())
    yield "why there are none", any("connect" in (issuer["last_error"] or "") for issuer in stage.issuers())
    yield "the metric", stage.has_metric("bearward_keys_fetch_failed", 'reason="connect"')
