"""Whatever reads the gateway's log did not read for a while."""

from concurrent.futures import ThreadPoolExecutor

COMPLAINT = "The auditors count fewer lines in our log than the shop had requests this morning. No customer complained."


def happen(stage):
    stage.start()
    token = stage.issuer.mint()
    stage.customers(token=token)
    stage.reads.clear()
    path = "/catalogue/" + "x" * 1000
    with ThreadPoolExecutor(8) as clients:
        list(clients.map(lambda _: stage.get(path, token), range(2500)))
    stage.reads.set()
    stage.customers(token=token)
    return ["the shop served 2510 requests"]


def shown(stage):
    yield "the log says so", stage.logged(message="lines were dropped")
    yield "the metric", stage.has_metric("bearward_log_lines_dropped_total")
