"""A role of one user has a comma in it, and the field for roles separates them by commas."""

from stage import id_of

COMPLAINT = "One customer, user-4711, gets 403 for everything since support edited the account. Everybody else is fine."

MORE = """
[identity]
preset = "bearward"

[[identity.fields]]
header = "X-Shop-Roles"
claim = ["shop", "roles"]
encoding = "comma"

[log]
identity = "subject"
"""


def happen(stage):
    stage.start(more=MORE)
    stage.customers(token=stage.issuer.mint(claims={"shop": {"roles": ["buyer", "vip"]}}))
    odd = stage.issuer.mint(subject="user-4711", claims={"shop": {"roles": ["buyer", "vip, gold"]}})
    refused = [stage.get(f"/orders/{number}", odd) for number in range(3)]
    return [f"GET /orders/2 was answered with {refused[2].status}, {id_of(refused[2])}"]


def shown(stage):
    yield "the reason and the user", stage.logged(subject="user-4711", reason="claim_not_header_safe", status=403)
