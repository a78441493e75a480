"""bearward and its peers as servers on loopback, each on the server's core and ready when returned."""

import http.client
import json
import os

from . import place, programs
from .programs import Program, free_port


def filled(recipe, file, **values):
    """A recipe with its places filled, written to `file`."""
    text = (place.HERE / "recipes" / recipe).read_text()
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    file.write_text(text)
    return file


class Bearward:
    """`bearward serve`. `keys` is a JWK Set in a file; without it the issuer is asked. `cache` is what stands in
    `[token_cache]`; without it that is as by default. Nothing is logged of requests, as by the peers, unless `log` says
    otherwise. `program` is another build than the one of this checkout."""

    def __init__(self, name, folder, issuer, keys=None, cache=None, application=9, log="warn", program=None):
        self.name = name
        self.forward_auth, self.proxy, self.admin = free_port(), free_port(), free_port()
        self._file = folder / f"{name.replace(' ', '-')}.toml"
        self._values = {
            "ISSUER": issuer,
            "KEYS": "" if keys is None else f'jwks_file = "{keys}"',
            "APPLICATION": application,
            "CACHE": cache or "",
            "FORWARD_AUTH": self.forward_auth,
            "PROXY": self.proxy,
            "ADMIN": self.admin,
        }
        self.write(realm="api")
        command = [program or programs.bearward(), "serve", "--config", self._file, "--log", log]
        self.program = Program(name, command, folder, place.SERVER_CORE)
        self.program.until(self.is_ready, 60, "is ready", pause=0.002)

    def write(self, realm):
        """Writes the configuration, whole or not at all; it is read again."""
        part = self._file.with_suffix(".part")
        os.replace(filled("bearward.toml", part, REALM=realm, **self._values), self._file)

    def is_ready(self):
        return self.get("/readyz").status == 200

    def get(self, path):
        """An answer of the admin listener, read; its text is in `text`."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            connection.close()

    def fetched_at(self):
        """When the key set was fetched last, in Unix seconds."""
        return json.loads(self.get("/issuers").text)["issuers"][0]["fetched_at"]

    def metric(self, name):
        """A metric, its labels with it."""
        for line in self.get("/metrics").text.splitlines():
            what, _, value = line.rpartition(" ")
            if what == name:
                return float(value)
        return 0


def envoy(name, folder, issuer, keys, slots=None, application=9):
    """Envoy with jwt_authn, and its cache of so many tokens. Returns program and port."""
    port = free_port()
    cache = "" if slots is None else f"jwt_cache_config: {{ jwt_cache_size: {slots} }}"
    file = filled(
        "envoy.yaml", folder / f"{name.replace(' ', '-')}.yaml",
        PORT=port, ISSUER=issuer, KEYS=keys, CACHE=cache, APPLICATION=application,
    )
    options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
    program = Program(name, [programs.envoy(), "-c", file, *options], folder, place.SERVER_CORE)
    return program.listens(port), port


def haproxy(name, folder, issuer, key):
    """HAProxy with jwt_verify. Returns program and port."""
    port = free_port()
    file = filled("haproxy.cfg", folder / "haproxy.cfg", PORT=port, ISSUER=issuer, KEY=key)
    program = Program(name, [programs.debian("haproxy"), "-db", "-f", file], folder, place.SERVER_CORE)
    return program.listens(port), port


def nginx(name, folder, bearward):
    """nginx that asks bearward. Returns program and port."""
    port = free_port()
    root = folder / "root"
    root.mkdir(exist_ok=True)
    (root / "ok.txt").write_text("ok")
    file = folder / f"{name.replace(' ', '-')}.conf"
    filled("nginx.conf", file, PORT=port, STATE=folder, BEARWARD=bearward.forward_auth)
    return _nginx(name, folder, file, port, place.SERVER_CORE)


def application(folder):
    """The application behind reverse proxies, on the core of the load. Returns its port."""
    port = free_port()
    file = filled("application.conf", folder / "application.conf", PORT=port, STATE=folder)
    return _nginx("application", folder, file, port, place.LOAD_CORE)[1]


def _nginx(name, folder, file, port, core):
    command = [programs.debian("nginx"), "-c", file, "-p", folder, "-e", "stderr"]
    return Program(name, command, folder, core).listens(port), port


def issuer(folder, keys, max_age=None):
    """An issuer with the JWK Set in this file. Returns its URL."""
    port = free_port()
    command = [programs.sys.executable, place.HERE / "issuer.py", port, keys]
    command += [] if max_age is None else [max_age]
    Program("issuer", command, folder, place.LOAD_CORE).listens(port)
    return f"http://127.0.0.1:{port}"
