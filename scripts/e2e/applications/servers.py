"""The application servers: how each is started on a port of loopback, and which `router` its upstream has."""

import contextlib
import os
import pathlib
import signal

from ports import free_port
from processes import Program
from run import filled

HERE = pathlib.Path(__file__).parent


class Family(Program):
    """A program that may have started others, which end with it."""

    def kill(self):
        others = descendants(self.id)
        super().kill()
        for process in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def descendants(process):
    try:
        listed = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
    except OSError:
        return []
    children = [int(child) for child in listed.split()]
    return [*children, *(below for child in children for below in descendants(child))]


class Server:
    """One application server with the application in its framework."""

    # What the entry script must have found.
    needs = ("python",)
    router = "strict"
    # Whether names with `_` reach the application, where they are the same as those with `-`.
    takes_underscores = False
    # Variables of its environment.
    environment = {}

    def __init__(self, options, state):
        self.options = options
        self.folder = state / self.name
        self.folder.mkdir()
        self.port = free_port()
        self.programs = []

    name = None

    @property
    def host(self):
        return f"{self.name}.example.com"

    @classmethod
    def is_there(cls, options):
        return all(getattr(options, need) for need in cls.needs)

    def start(self):
        self.run(self.name, self.command())
        self.programs[-1].listens(self.port, 60)

    def run(self, name, command):
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **self.environment}
        command = [str(part) for part in command]
        self.programs.append(Family(name, command, self.folder / f"{name}.log", environment))

    def command(self):
        raise NotImplementedError

    def stop(self):
        for program in reversed(self.programs):
            program.kill()


class Python(Server):
    # Of the virtual environment.
    @property
    def bin(self):
        return pathlib.Path(self.options.python).parent

    address = property(lambda self: f"127.0.0.1:{self.port}")
    folder_of_code = HERE / "python"


class Gunicorn(Python):
    """It takes SCRIPT_NAME and PATH_INFO from its own host (`forwarder_headers`), as it does by default."""

    name = "gunicorn"
    takes_underscores = True
    environment = {"AROUND": "forwarded override"}

    def command(self):
        command = [self.bin / "gunicorn", "--chdir", self.folder_of_code, "--bind", self.address, "--threads", "4"]
        # Nothing is taken out by its own rules: what reaches Flask is what it was sent.
        command += ["--header-map", "dangerous", "--no-control-socket", "--log-level", "error"]
        return [*command, "wsgi:app"]


class Waitress(Python):
    name = "waitress"
    environment = {"AROUND": "script-name override", "PYTHONPATH": str(HERE / "python")}

    def command(self):
        command = [self.bin / "waitress-serve", f"--listen={self.address}", "--threads=4"]
        command += ["--trusted-proxy=127.0.0.1", "--trusted-proxy-count=1"]
        command += ["--trusted-proxy-headers=x-forwarded-for x-forwarded-host x-forwarded-proto x-forwarded-port"]
        return [*command, "--log-untrusted-proxy-headers", "wsgi:app"]


class Uwsgi(Python):
    name = "uwsgi"
    takes_underscores = True
    environment = {"AROUND": "script-name override forwarded", "PYTHONPATH": str(HERE / "python")}

    def command(self):
        command = [self.bin / "uwsgi", "--http-socket", self.address, "--module", "wsgi:app", "--need-app"]
        command += ["--enable-threads", "--threads", "8", "--die-on-term"]
        return [*command, "--buffer-size", "32768", "--tcp-nodelay", "--disable-logging"]


class Uvicorn(Python):
    """It takes X-Forwarded-For and -Proto from its own host, as it does by default."""

    name = "uvicorn"

    def command(self):
        command = [self.bin / "uvicorn", "--app-dir", self.folder_of_code, "--host", "127.0.0.1", "--port", self.port]
        return [*command, "--log-level", "error", "asgi:app"]


class Hypercorn(Python):
    name = "hypercorn"
    environment = {"PYTHONPATH": str(HERE / "python"), "FORWARDED": "modern"}

    def command(self):
        return [self.bin / "hypercorn", "--bind", self.address, "--log-level", "ERROR", "asgi:app"]


class Daphne(Python):
    name = "daphne"
    environment = {"PYTHONPATH": str(HERE / "python")}

    def command(self):
        command = [self.bin / "daphne", "--bind", "127.0.0.1", "--port", self.port, "--proxy-headers"]
        return [*command, "--verbosity", "0", "asgi:app"]


class Puma(Server):
    name = "puma"
    needs = ("puma",)
    file = HERE / "ruby" / "rack.ru"

    def command(self):
        command = [self.options.puma, "--threads", "16:16", "--environment", "production"]
        return [*command, "--bind", f"tcp://127.0.0.1:{self.port}", self.file.resolve()]


class Rails(Puma):
    name = "rails"
    needs = ("puma", "rails")
    router = "rails"
    file = HERE / "ruby" / "rails.ru"


class Express(Server):
    name = "express"
    needs = ("node",)
    router = "express"

    def command(self):
        return ["node", pathlib.Path(self.options.node) / f"{self.name}.mjs", self.port]

    environment = {"NODE_ENV": "production"}


class Fastify(Express):
    name = "fastify"
    router = "strict"


class PhpServer(Server):
    name = "php"
    takes_underscores = True
    needs = ("php",)

    def command(self):
        front = HERE / "php" / "index.php"
        return [self.options.php, "-q", "-S", f"127.0.0.1:{self.port}", "-t", front.parent, front]


class PhpFpm(Server):
    """Behind nginx, which is part of the application here: it speaks FastCGI."""

    name = "php-fpm"
    needs = ("php_fpm", "nginx")

    def start(self):
        root = self.folder / "root"
        root.mkdir()
        (root / "index.php").write_text((HERE / "php" / "index.php").read_text())
        values = {"STATE": str(self.folder.resolve()), "ROOT": str(root.resolve()), "PORT": str(self.port)}
        for name in ("fpm.conf", "nginx.conf"):
            (self.folder / name).write_text(filled((HERE / "php" / name).read_text(), values))
        self.run("fpm", [self.options.php_fpm, "--nodaemonize", "--fpm-config", self.folder / "fpm.conf"])
        config = self.folder.resolve() / "nginx.conf"
        self.run("nginx", [self.options.nginx, "-c", config, "-p", self.folder.resolve(), "-e", "stderr"])
        self.programs[-1].listens(self.port)


class Go(Server):
    name = "go"
    needs = ("go",)

    def command(self):
        return [self.options.go, self.port]


class HttpServer(Server):
    name = "jdk"
    needs = ("java", "classes")
    router = "servlet"
    main = "HttpServerApplication"

    def command(self):
        command = [self.options.java, "-cp", self.options.classes, "-Xmx256m", "-Dsun.net.httpserver.nodelay=true"]
        return [*command, self.main, self.port, self.folder.resolve()]


class Tomcat(HttpServer):
    name = "tomcat"
    needs = ("java", "classes", "tomcat")
    main = "TomcatApplication"


ALL = (
    Gunicorn, Waitress, Uwsgi, Uvicorn, Hypercorn, Daphne, Puma, Rails, Express, Fastify, PhpServer, PhpFpm, Go, HttpServer,
    Tomcat,
)
