"""The stage of an incident: an issuer, an application and a gateway on loopback, with its log as a container writes it.

Each file next to this one is an incident: `COMPLAINT` is what a colleague says, `happen` provokes the fault and
returns what the colleague has in hand, and `shown` says what leads to the cause, in the log, the metrics or at the
admin listener.
"""

import http.server
import json
import pathlib
import shutil
import socketserver
import subprocess
import threading
import time
import urllib.request

from client import ask, bearer
from ports import free_port
from processes import Program, until
from run import Issuer

CONFIG = """
[[issuers]]
issuer = "{issuer}"
audiences = ["{audience}"]
{issuer_lines}

[requirements.refunds]
scopes = ["refunds:write"]

[[routes]]
name = "refunds"
path_prefix = "/refunds"
require = ["refunds"]
upstream = "shop"

[[routes]]
name = "shop"
path_prefix = "/"
upstream = "shop"

[upstreams.shop]
urls = ["http://127.0.0.1:{application}"]
router = "strict"

[listen.proxy]
address = "127.0.0.1:{proxy}"

[listen.admin]
address = "127.0.0.1:{admin}"
"""


class Shop(http.server.BaseHTTPRequestHandler):
    """The application: 200, but an order of its own that it does not give to this user."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        status = 401 if self.path.startswith("/orders/locked") else 200
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True


class Stage:
    def __init__(self, bearward, folder):
        self.folder = pathlib.Path(folder)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self.log = self.folder / "log"
        self.config = self.folder / "bearward.toml"
        self.proxy, self.admin = free_port(), free_port()
        self.issuer = Issuer(bearward, self.folder)
        self.reads = threading.Event()
        self.reads.set()
        self._bearward = bearward
        self._gateway = None
        self._shop = Server(("127.0.0.1", 0), Shop)
        threading.Thread(target=self._shop.serve_forever, daemon=True).start()

    def start(self, issuer_lines="", more="", audience=None, waits=True):
        """Starts everything. `issuer_lines` belong to the issuer's table, `more` follows the configuration."""
        self.issuer.start()
        text = CONFIG.format(
            issuer=self.issuer.url,
            audience=audience or self.issuer.url,
            issuer_lines=issuer_lines,
            application=self._shop.server_address[1],
            proxy=self.proxy,
            admin=self.admin,
        )
        self.config.write_text(text + more)
        command = [self._bearward, "serve", "--config", str(self.config), "--log-format", "json"]
        self._gateway = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        threading.Thread(target=self._read, daemon=True).start()
        until("the gateway listens", 20, lambda: self.page("/livez"))
        if waits:
            until("the gateway has keys", 20, lambda: self.page("/readyz"))

    def stop(self):
        self.reads.set()
        if self._gateway is not None:
            self._gateway.terminate()
            try:
                self._gateway.wait(20)
            except subprocess.TimeoutExpired:
                self._gateway.kill()
                self._gateway.wait()
        self._shop.shutdown()

    def _read(self):
        """Collects the log, as journald and container runtimes do."""
        with self.log.open("ab", buffering=0) as log:
            while piece := self._gateway.stdout.read1(65536):
                self.reads.wait()
                log.write(piece)

    def get(self, path, token=None, port=None, source=""):
        """A request of a client."""
        fields = [bearer(token)] if token else []
        return ask(port or self.proxy, path, *fields, source=source)

    def customers(self, count=5, port=None, token=None):
        """Usual traffic."""
        for number in range(count):
            self.get(f"/catalogue/{number}", token or self.issuer.mint(), port=port)

    def page(self, path):
        """A page of the admin listener."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=10) as answer:
            return answer.read().decode()

    def issuers(self):
        return json.loads(self.page("/issuers"))["issuers"]

    def has_metric(self, *parts):
        """Whether a series has all of these parts and is not zero."""
        lines = self.page("/metrics").splitlines()
        return any(all(part in line for part in parts) and not line.endswith(" 0") for line in lines if line[0] != "#")

    def logged(self, **fields):
        """Whether the log has a line with these fields; waits for it a little."""
        for _ in range(100):
            # The last line may not be there to its end yet.
            lines = self.log.read_text(errors="replace").split("\n")[:-1]
            for line in lines:
                found = json.loads(line)["fields"]
                if all(found.get(name) == value for name, value in fields.items()):
                    return True
            time.sleep(0.05)
        return False


def id_of(answer):
    """What a user who reads the fields of an answer has in hand."""
    return f"X-Bearward-Request-Id: {answer.field('x-bearward-request-id')}"


__all__ = ["Server", "Shop", "Stage", "free_port", "id_of", "time", "until", "Program"]
