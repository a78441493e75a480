"""A client sends a refused token again and again, and is over its limit on failures."""

from stage import id_of

COMPLAINT = "The nightly import from the warehouse gets 429 since today. Nothing changed there, says the warehouse. The shop works."

MORE = """
[failures]
max_per_client = 20
period = "10m"
"""


def happen(stage):
    stage.start(more=MORE)
    stage.customers()
    head, payload, _ = stage.issuer.mint().split(".")
    stale = f"{head}.{payload}.{'A' * 342}"
    answers = [stage.get(f"/stock/{number}", stale, source="127.0.0.3") for number in range(300)]
    limited = [answer for answer in answers if answer.status == 429]
    stage.customers()
    return [
        "the warehouse has the address 127.0.0.3",
        f"the last GET /stock/… was answered with {answers[-1].status}; {len(limited)} of 300 with 429",
        id_of(limited[-1]) if limited else "",
    ]


def shown(stage):
    yield "the reason", stage.logged(reason="too_many_failures", status=429, peer="127.0.0.3")
    yield "what came before", stage.logged(reason="signature_invalid", peer="127.0.0.3")
    yield "the metric", stage.has_metric("bearward_clients_over_failure_limit")
