"""The proxies, each with the recipe that `bearward gen-config` writes for it, and what is known of each."""

import os
import pathlib
import re
import subprocess

from client import ask
from ports import free_port
from processes import Program, until


class Proxy:
    """A proxy on a port of its own, which asks `auth` and sends requests to `application`."""

    name = None
    # What `bearward gen-config` calls it.
    recipe = None
    program = None
    # Before bearward's reverse proxy, which knows the application.
    is_chain = False
    # The status for the client when nobody answers at bearward's address.
    down = None
    # The status for the client when bearward has no keys.
    unavailable = 503
    # The status for a client with too many failures.
    limited = 429
    # The status of a request whose `Authorization` cannot be read: 400, or what is carried in its place.
    malformed = 400

    # The status of two `Authorization` fields, the first of which is of another scheme.
    foreign = 400
    # The options with which it tells its version.
    asks_version = ["--version"]
    # What marks the lines of its recipe that are left out to see what it does by itself.
    left_out = []
    # Of `bearward gen-config`, besides.
    options = []
    # Identity headers that are absent arrive empty.
    sends_empty = False
    # Not the proxy itself: it has what cannot be carried through it, and is checked for the rest.
    is_stand_in = False
    # Seconds after which it gives up on bearward by the recipe; `None` if that cannot be configured.
    limit = 2

    def log(self):
        """Its own log with bearward's reasons, if it has one."""
        return None

    def __init__(self, executable, state, generate, variant=""):
        self.executable = executable
        self.generate = generate
        self.port = free_port()
        self.state = pathlib.Path(state) / f"{self.name}{variant}".replace(" ", "-")
        self.state.mkdir(parents=True)

    def start(self, auth, application, is_left_alone=False):
        """`is_left_alone`: without what the recipe says of time limits and the like."""
        file = self.write(auth, application, is_left_alone)
        environment = {**os.environ, "HOME": str(self.state), "XDG_DATA_HOME": str(self.state)}
        environment["XDG_CONFIG_HOME"] = str(self.state)
        log = self.state / f"{self.name}.log".replace(" ", "-")
        self.program = Program(self.name, self.command(file), log, environment)

    def write(self, auth, application, is_left_alone=False):
        """The file to start it with."""
        arguments = [self.recipe, "--listen", f"127.0.0.1:{self.port}", "--bearward", auth]
        if not self.is_chain:
            arguments += ["--application", application]
        arguments += self.options
        text = self.generate(*arguments)
        if is_left_alone:
            lines = [line for line in text.splitlines() if not any(mark in line for mark in self.left_out)]
            text = "\n".join(lines) + "\n"
        return self.around(text)

    def around(self, recipe):
        """The recipe in a file, and what else the proxy needs in files of their own; the one to start with."""
        file = self.state / f"{self.recipe}.recipe"
        file.write_text(recipe)
        return file

    def ready(self):
        self.program.listens(self.port)

    def command(self, file):
        raise NotImplementedError

    def check_command(self, file):
        """Checks a configuration without serving; `None` if it has nothing for that."""
        raise NotImplementedError

    def ambiguous(self, _target):
        """The statuses of a path that has several readings."""
        return (400,)

    def arrives(self, target):
        """An unambiguous target, as the application gets it."""
        return target

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
    recipe = "nginx"
    asks_version = ["-v"]
    down = 500
    left_out = ["_timeout "]

    def around(self, recipe):
        included = super().around(recipe)
        folders = ["client_body", "proxy", "fastcgi", "scgi", "uwsgi"]
        lines = [f"    {name}_temp_path {self.state}/{name};" for name in folders]
        file = self.state / "nginx.conf"
        file.write_text(
            f"daemon off;\nmaster_process off;\npid {self.state}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            "http {\n" + "\n".join(lines) + f"\n    include {included};\n    access_log {self.access_log()};\n}}\n"
        )
        return file

    def log(self):
        """The log in the recipe's format, if it has one."""
        return None if self.is_stand_in else self.state / "access.log"

    def access_log(self):
        return f"{self.log()} bearward" if self.log() else "off"

    def command(self, file):
        return [self.executable, "-c", str(file), "-p", str(self.state), "-e", "stderr"]

    def check_command(self, file):
        return [*self.command(file), "-t"]


class IngressNginx(Nginx):
    """No controller runs here. This is nginx with the lines that the controller's template makes of the recipe."""

    name = "nginx for ingress-nginx"
    recipe = "ingress-nginx"
    is_stand_in = True
    # Nothing restores what was decided, and a challenge survives with 401 only.
    malformed = 401
    unavailable = 403
    limited = 403
    limit = None

    def write(self, auth, application, is_left_alone=False):
        # Names of a cluster, which the recipe insists on.
        cluster = "bearward.default.svc.cluster.local"
        port = auth.rpartition(":")[2]
        service = f"application.default:{application.rpartition(':')[2]}"
        recipe = self.generate(self.recipe, "--bearward", f"{cluster}:{port}", "--application", service)
        self.application = application
        return self.around(recipe.replace(f"{cluster}:{port}", auth))

    def around(self, recipe):
        annotations = dict(re.findall(r'nginx.ingress.kubernetes.io/([a-z-]+): "(.*)"', recipe))
        data = re.search(r"^data:\n(.*?)^---", recipe, re.M | re.S).group(1)
        asked = re.findall(r'^  ([A-Za-z-]+): "(.*)"$', data, re.M)
        controller = re.search(r'`large-client-header-buffers: "(.*)"`', recipe).group(1)
        told = [
            f"auth_request_set $authHeader{at} $upstream_http_{name.lower().replace('-', '_')};\n"
            f"proxy_set_header '{name}' $authHeader{at};"
            for at, name in enumerate(annotations["auth-response-headers"].split(","))
        ]
        # An Ingress of its own, for the same host: bearward's Service is its backend.
        metadata = re.search(r"path: (\S+)\n +pathType: Exact", recipe).group(1)
        auth = re.search(r"http://(.*)/auth/nginx", annotations["auth-url"]).group(1)
        size = annotations["proxy-buffer-size"]
        lines = [
            # As in the controller's template: the client's id, if it sent one.
            "map $http_x_request_id $req_id {",
            "default $http_x_request_id;",
            '"" $request_id;',
            "}",
            "server {",
            f"listen 127.0.0.1:{self.port};",
            f"large_client_header_buffers {controller};",
            "location / {",
            "auth_request /_external-auth;",
            *told,
            "proxy_set_header X-Request-ID $req_id;",
            "proxy_set_header Host $http_host;",
            f"proxy_pass http://{self.application};",
            "}",
            "location = /_external-auth {",
            "internal;",
            "proxy_pass_request_body off;",
            'proxy_set_header Content-Length "";',
            'proxy_set_header X-Forwarded-Proto "";',
            "proxy_set_header Host bearward;",
            "proxy_set_header X-Original-URL $scheme://$http_host$request_uri;",
            "proxy_set_header X-Original-Method $request_method;",
            'proxy_set_header X-Sent-From "nginx-ingress-controller";',
            f"proxy_buffer_size {size};",
            f"proxy_buffers 4 {size};",
            *[f"proxy_set_header '{name}' '{value}';" for name, value in asked],
            f"set $target {annotations['auth-url']};",
            "proxy_pass $target;",
            "}",
            f"location = {metadata} {{",
            "proxy_set_header Host $http_host;",
            f"proxy_pass http://{auth};",
            "}",
            "}",
        ]
        return super().around("\n".join(lines) + "\n")


class Caddy(Proxy):
    name = "Caddy"
    recipe = "caddy"
    asks_version = ["version"]
    down = 502
    left_out = ["_timeout ", "@connection"]
    sends_empty = True

    def around(self, recipe):
        included = super().around(recipe)
        file = self.state / "Caddyfile"
        file.write_text(f"{{\n\tadmin off\n}}\nimport {included}\n")
        return file

    def command(self, file):
        return [self.executable, "run", "--config", str(file), "--adapter", "caddyfile"]

    def check_command(self, file):
        return [self.executable, "validate", "--config", str(file), "--adapter", "caddyfile"]


class CaddyOfNow(Caddy):
    """As its makers publish it, years after Debian's."""

    name = "Caddy of now"


class EnvoyHttp(Proxy):
    name = "Envoy HTTP"
    recipe = "envoy"
    down = 403
    # A 5xx could be let pass by `failure_mode_allow`.
    unavailable = 403
    # It joins them, and what it makes of them is of the other scheme.
    foreign = 401
    left_out = [" timeout: 2s"]

    def command(self, file):
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"]
        return [self.executable, "-c", str(file), *options]

    def check_command(self, file):
        return [*self.command(file), "--mode", "validate"]

    def around(self, recipe):
        # Envoy goes by the name.
        return super().around(recipe).rename(self.state / "envoy.yaml")


class EnvoyGrpc(EnvoyHttp):
    name = "Envoy gRPC"
    recipe = "envoy-grpc"
    # Inside the denied response a 5xx is a refusal, whatever `failure_mode_allow` says.
    unavailable = 503
    foreign = 400


class Traefik(Proxy):
    name = "Traefik"
    recipe = "traefik"
    asks_version = ["version"]
    down = 500
    limit = None

    def around(self, recipe):
        dynamic = super().around(recipe).rename(self.state / "dynamic.yml")
        # The static configuration is what the recipe's heading says, and nothing else.
        lines = re.findall(r"^#      (.*)$", recipe, re.M)
        static = "\n".join(lines).replace("/etc/traefik/bearward.yml", str(dynamic))
        file = self.state / "traefik.yml"
        file.write_text(static + "\nglobal:\n  checkNewVersion: false\n  sendAnonymousUsage: false\n")
        return file

    def command(self, file):
        return [self.executable, f"--configFile={file}"]

    def check_command(self, file):
        return None

    def ready(self):
        """It listens before it knows of any route, and answers 404 until then. Who waits for an answer is asked about."""
        super().ready()
        asked = lambda: ask(self.port, "/", timeout=0.5).status != 404
        until(f"{self.name} has its routes", 20, asked, self.program)

    def ambiguous(self, _target):
        # It resolves dots and doubled slashes before anybody sees them.
        return (400, 401, 403)

    def arrives(self, target):
        # It decodes what needs no escape, likewise.
        return target.replace("%70", "p").replace("%78", "x")


class Haproxy(Proxy):
    name = "HAProxy"
    recipe = "haproxy"
    is_chain = True
    asks_version = ["-v"]
    down = 503
    limit = None

    def command(self, file):
        return [self.executable, "-db", "-f", str(file)]

    def check_command(self, file):
        return [*self.command(file), "-c"]


class Apache(Proxy):
    name = "Apache"
    recipe = "apache"
    is_chain = True
    asks_version = ["-v"]
    down = 503
    # It joins them, and what it makes of them is of the other scheme.
    foreign = 401
    limit = None
    modules = "/usr/lib/apache2/modules"

    def around(self, recipe):
        included = super().around(recipe)
        names = ["mpm_event", "authz_core", "headers", "proxy", "proxy_http", "socache_shmcb", "ssl"]
        loaded = "\n".join(f"LoadModule {name}_module {self.modules}/mod_{name}.so" for name in names)
        file = self.state / "httpd.conf"
        file.write_text(
            f"ServerRoot {self.state}\nServerName localhost\nPidFile {self.state}/httpd.pid\n"
            f"DefaultRuntimeDir {self.state}\nErrorLog {self.state}/error.log\n{loaded}\nInclude {included}\n"
        )
        return file

    def command(self, file):
        # One process, so that it ends as one.
        return [self.executable, "-f", str(file), "-X"]

    def check_command(self, file):
        return [self.executable, "-f", str(file), "-t"]

    def ambiguous(self, target):
        # It takes several slashes at the beginning for one, before anybody sees them.
        return (400, 401, 403) if target.startswith("//") else (400,)


def filled(text, values):
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text
