"""The route requires a scope that the client did not request."""

from stage import id_of

COMPLAINT = "Support can look up customers, but every refund ends in 403."


def happen(stage):
    stage.start()
    token = stage.issuer.mint()
    stage.customers(token=token)
    refused = [stage.get(f"/refunds/{number}", token) for number in range(3)]
    return [f"GET /refunds/1 was answered with {refused[1].status}, {id_of(refused[1])}"]


def shown(stage):
    yield "the reason and the requirement", stage.logged(
        path="/refunds/1", reason="insufficient_scope", status=403, requirement="refunds", claim="scope"
    )
