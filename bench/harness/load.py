"""wrk on the other core, each request with a token."""

import http.client
import json
import subprocess

from . import place, programs

CYCLE = place.HERE / "cycle.lua"


class Round:
    """What one run of wrk saw."""

    def __init__(self, seen):
        self.requests = seen["requests"]
        self.seconds = seen["seconds"]
        self.p50 = seen["p50"]
        self.p99 = seen["p99"]
        self.refused = seen["status"]
        self.broken = seen["connect"] + seen["read"] + seen["write"] + seen["timeout"]

    @property
    def rate(self):
        return self.requests / self.seconds


def wrk(url, seconds, script, *arguments, connections=32):
    """A command for one thread of wrk with this script."""
    command = ["taskset", "-c", place.LOAD_CORE, programs.debian("wrk"), "-t1", f"-c{connections}"]
    command += [f"-d{seconds}s", "--timeout", "10s", "-s", script, url, "--", *arguments]
    return [str(part) for part in command]


def cycle(url, seconds, tokens, connections=32, pause=0, fields=None):
    """The command for the tokens of the file in turn, each connection with a pause in ms before each request."""
    more = [part for field in (fields or {}).items() for part in field]
    return wrk(url, seconds, CYCLE, tokens, pause, *more, connections=connections)


def run(url, seconds, tokens, connections=32, fields=None):
    """One round: as many requests as the server answers, with the tokens of the file in turn."""
    command = cycle(url, seconds, tokens, connections, fields=fields)
    return parse(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def parse(output):
    """The line that the script wrote."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"wrk said nothing: {output[-500:]}")
    return Round(json.loads(lines[-1]))


def status(url, token=None, fields=None):
    """The status that one request gets."""
    rest = url.removeprefix("http://")
    host, _, path = rest.partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        headers = dict(fields or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("GET", f"/{path}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()
