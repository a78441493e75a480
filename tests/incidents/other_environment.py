"""A client of production has tokens of staging."""

from run import Issuer
from stage import id_of

COMPLAINT = "The partner's new integration gets 401 in production. In staging it works, they say, with the very same code."


def happen(stage):
    stage.start()
    stage.customers()
    (stage.folder / "staging").mkdir()
    staging = Issuer(stage.issuer._bearward, stage.folder / "staging")
    staging.start()
    token = staging.mint()
    (stage.folder / "token.txt").write_text(token)
    refused = [stage.get(f"/orders/{number}", token) for number in range(4)]
    return [
        f"GET /orders/2 was answered with {refused[2].status}, {id_of(refused[2])}",
        f"the partner's token is in {stage.folder / 'token.txt'}",
    ]


def shown(stage):
    yield "the reason", stage.logged(path="/orders/2", reason="issuer_unknown", status=401)
