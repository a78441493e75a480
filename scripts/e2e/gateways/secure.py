"""TLS from each proxy to bearward: its certificate is verified, and the proxy has one where bearward wants to see it."""

import pathlib
import subprocess

from client import bearer
from ports import free_port
from processes import Program, until
from proxies import filled

# The name by which the proxies reach bearward, and another one.
NAME = "localhost"
OTHER_NAME = "bearward.example"


class Secure:
    def __init__(self, run):
        self.run = run
        self.folder = run.state / "secure"
        self.folder.mkdir()
        self.authority = Authority(self.folder, "authority")
        self.other = Authority(self.folder, "other")
        # Apache goes by the name that the client says.
        self.ours = self.authority.certify(NAME, "api.example.com")
        self.misnamed = self.authority.certify(OTHER_NAME)
        self.client = self.authority.certify("proxy")

    def check(self):
        ca = ["--bearward-ca", str(self.authority.file)]
        other = ["--bearward-ca", str(self.other.file)]
        proves = ["--client-certificate", str(self.client)]
        with Secured(self, "tls", self.ours) as gateway:
            self.each(gateway, "verified", ca, self.admitted)
            self.each(gateway, "another authority", other, self.refused)
        with Secured(self, "client-ca", self.ours, self.authority.file) as gateway:
            self.each(gateway, "with a client certificate", [*ca, *proves], self.admitted)
        with Secured(self, "misnamed", self.misnamed) as gateway:
            self.each(gateway, "another name", ca, self.refused)

    def each(self, gateway, case, options, check):
        """Every proxy that can be told of TLS, before this gateway."""
        known = [proxy for proxy in self.run.proxies if not proxy.is_stand_in]
        proxies = [type(proxy)(proxy.executable, self.folder, gateway.generate, f" {case}") for proxy in known]
        try:
            for proxy in proxies:
                proxy.options = options
                proxy.start(f"{NAME}:{gateway.ports[door_of(proxy)]}", self.run.application.address)
            for proxy in proxies:
                proxy.ready()
                self.run.guarded(f"{proxy.name}, {case}", check, proxy, case)
        finally:
            for proxy in proxies:
                if proxy.program:
                    proxy.program.kill()

    def admitted(self, proxy, case):
        self.run.told_of(proxy, f"TLS to bearward, {case}")

    def refused(self, proxy, case):
        """With this token, and with any other answer than that of bearward."""
        token = bearer(self.run.mint())
        for what, target, fields in (
            ("a good token", "/app/x", [token]),
            ("no token", "/app/x", []),
            ("public route", "/public/x", []),
            ("the metadata", self.run.metadata_path, []),
        ):
            answer, seen = self.run.through(proxy, target, *fields)
            found = (answer.status in (403, 500, 502, 503), answer.challenges, seen is None)
            what = f"TLS to bearward, {case}, {what}: refused, here with {answer.status}"
            self.run.check(proxy, what, found, (True, [], True))


class Secured:
    """bearward with this certificate on each listener that proxies come to."""

    def __init__(self, secure, name, certificate, client_ca=None):
        self.ports = {door: free_port() for door in ("FORWARD_AUTH", "EXT_AUTHZ", "PROXY", "ADMIN")}
        run = secure.run
        text = (pathlib.Path(__file__).parent / "bearward.toml").read_text()
        asks = f', client_ca = "{client_ca}"' if client_ca else ""
        for listener in ("forward_auth", "ext_authz", "proxy"):
            table = f"[listen.{listener}]\n"
            text = text.replace(table, f'{table}tls = {{ certificate = "{certificate}", key = "{certificate}"{asks} }}\n')
        values = {door: f"127.0.0.1:{port}" for door, port in self.ports.items()}
        config = secure.folder / f"{name}.toml"
        config.write_text(filled(text, {**values, "ISSUER": run.issuer, "APPLICATION": run.application.address}))
        self.generate = run.generates(config)
        command = [run.options.bearward, "serve", "--config", str(config)]
        self._program = Program(f"bearward, {name}", command, secure.folder / f"{name}.log")
        self._program.listens(self.ports["ADMIN"])
        until("bearward has keys", 20, lambda: run.is_ready(self.ports["ADMIN"]), self._program)

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        self._program.kill()


class Authority:
    """A certificate authority, which lives for the time of the test."""

    def __init__(self, folder, name):
        self.folder = folder
        self.file = folder / f"{name}.pem"
        self._key = folder / f"{name}.key"
        new_key(self._key)
        openssl("req", "-x509", "-new", "-key", self._key, "-days", "2", "-subj", f"/CN={name}", "-out", self.file)

    def certify(self, name, *others):
        """One file with a certificate and its key."""
        key, request, certificate, extensions = (self.folder / f"{name}.{kind}" for kind in ("key", "csr", "crt", "ext"))
        new_key(key)
        openssl("req", "-new", "-key", key, "-subj", f"/CN={name}", "-out", request)
        extensions.write_text(
            f"subjectAltName={','.join(f'DNS:{name}' for name in (name, *others))}\nbasicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth,clientAuth\n"
        )
        signed = ["-req", "-in", request, "-CA", self.file, "-CAkey", self._key, "-CAcreateserial", "-days", "2"]
        openssl("x509", *signed, "-extfile", extensions, "-out", certificate)
        both = self.folder / f"{name}.pem"
        both.write_text(certificate.read_text() + key.read_text())
        return both


def new_key(file):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", file)


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def door_of(proxy):
    if proxy.is_chain:
        return "PROXY"
    return "EXT_AUTHZ" if proxy.recipe == "envoy-grpc" else "FORWARD_AUTH"
