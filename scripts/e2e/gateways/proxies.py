"""The proxies, each with its recipe, and what WIRE.md says of each."""

import os
import pathlib
import re
import subprocess

from processes import Program, free_port

RECIPES = pathlib.Path(__file__).parent / "recipes"


class Proxy:
    """A proxy on a port of its own, which asks `auth` and sends requests to `application`."""

    name = None
    recipe = None
    program = None
    # The status for the client when nobody answers at bearward's address.
    down = None
    # The status for the client when bearward has no keys.
    unavailable = 503
    # The status of a request whose `Authorization` cannot be read: 400, or what is carried in its place.
    malformed = 400
    # The status of two `Authorization` fields, the first of which is of another scheme.
    foreign = 400
    # The options with which it tells its version.
    asks_version = ["--version"]
    # What marks the lines of its recipe that are left out to see what it does by itself.
    left_out = ["@LIMIT@"]
    # Identity headers that are absent arrive empty.
    sends_empty = False

    def __init__(self, executable, state, variant=""):
        self.executable = executable
        self.port = free_port()
        self.state = pathlib.Path(state) / f"{self.name}{variant}".replace(" ", "-")
        self.state.mkdir(parents=True)

    def start(self, auth, application, limit="2s"):
        """Without `limit`, only what the proxy does by itself."""
        file = self.write(auth, application, limit)
        environment = {**os.environ, "HOME": str(self.state), "XDG_DATA_HOME": str(self.state)}
        environment["XDG_CONFIG_HOME"] = str(self.state)
        log = self.state / f"{self.name}.log".replace(" ", "-")
        self.program = Program(self.name, self.command(file), log, environment)

    def write(self, auth, application, limit):
        """Its recipe, filled in."""
        text = (RECIPES / self.recipe).read_text()
        if limit is None:
            lines = [line for line in text.splitlines() if not any(mark in line for mark in self.left_out)]
            text = "\n".join(lines) + "\n"
        values = {
            "APPLICATION": application,
            "APPLICATION_PORT": application.rpartition(":")[2],
            "BEARWARD": auth,
            "BEARWARD_PORT": auth.rpartition(":")[2],
            "LIMIT": limit or "",
            "LISTEN": f"127.0.0.1:{self.port}",
            "PORT": str(self.port),
            "PROXY": auth,
            "STATE": str(self.state),
        }
        file = self.state / self.recipe
        file.write_text(filled(text, values))
        return file

    def ready(self):
        self.program.listens(self.port)

    def command(self, file):
        raise NotImplementedError

    def version(self):
        """What it says of itself."""
        asked = subprocess.run(
            [self.executable, *self.asks_version],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        found = re.search(r"\d+\.\d+\.\d+", asked.stdout)
        return found.group() if found else "of an unknown version"


class Nginx(Proxy):
    name = "nginx"
    recipe = "nginx.conf"
    asks_version = ["-v"]
    down = 500
    # A challenge survives with 401 only.
    malformed = 401

    def command(self, file):
        return [self.executable, "-c", str(file), "-p", str(self.state), "-e", "stderr"]


class Caddy(Proxy):
    name = "Caddy"
    recipe = "Caddyfile"
    asks_version = ["version"]
    down = 502
    left_out = ["@LIMIT@", "@connection"]
    sends_empty = True

    def command(self, file):
        return [self.executable, "run", "--config", str(file), "--adapter", "caddyfile"]


class EnvoyHttp(Proxy):
    name = "Envoy HTTP"
    recipe = "envoy-http.yaml"
    down = 403
    # A 5xx could be let pass by `failure_mode_allow`.
    unavailable = 403
    # It joins them, and what it makes of them is of the other scheme.
    foreign = 401

    def command(self, file):
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        return [self.executable, "-c", str(file), *options]


class EnvoyGrpc(EnvoyHttp):
    name = "Envoy gRPC"
    recipe = "envoy-grpc.yaml"
    # Inside the denied response a 5xx is a refusal, whatever `failure_mode_allow` says.
    unavailable = 503
    foreign = 400


class Haproxy(Proxy):
    name = "HAProxy"
    recipe = "haproxy.cfg"
    asks_version = ["-v"]
    down = 503

    def command(self, file):
        return [self.executable, "-db", "-f", str(file)]


def filled(text, values):
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
