"""The application answers 401 by itself, to requests that the gateway admitted."""

COMPLAINT = "Some orders cannot be opened: 401. The user is logged in, and the list of orders works. Isn't this the gateway?"


def happen(stage):
    stage.start()
    token = stage.issuer.mint()
    stage.customers(token=token)
    answers = [stage.get(f"/orders/locked/{number}", token) for number in range(4)]
    return [f"GET /orders/locked/2 was answered with {answers[2].status}", f"its fields: {answers[2].fields}"]


def shown(stage):
    yield "whose it is", stage.logged(
        path="/orders/locked/2", reason="admitted", status=401, answered_by="application"
    )
    yield "the metric", stage.has_metric("bearward_responses_total", 'answered_by="application"', 'status="401"')
