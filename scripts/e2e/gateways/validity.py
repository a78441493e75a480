"""Recipes for configurations that have everything, checked by the proxies themselves without being served."""

import pathlib
import subprocess

from proxies import filled

# Each is added to the configuration of the other checks, or takes the place of a part of it.
IDENTITY = """
[identity]
preset = "bearward"
drop_underscores = true
forward_token = true

[[identity.fields]]
header = "Remote-User"
claim = "preferred_username"

[[identity.fields]]
header = "X-A-B-C-D-E-F"
claim = ["account", "name"]
"""
SEVERAL = """
[upstreams.several]
urls = ["http://127.0.0.1:3000", "http://[::1]:3000"]
host = "api.example.com:8443"

[upstreams.socket]
urls = "unix:/run/app.sock"

[upstreams.named]
urls = "http://localhost:3000"

[upstreams.verified]
urls = "https://localhost:3000"
ca = "@CA@"

[upstreams.grpc]
urls = "https://127.0.0.1:3000"
protocol = "http2"

[upstreams.h2c]
urls = "http://127.0.0.1:3000"
protocol = "http2"
"""
UPSTREAMS = ("several", "socket", "named", "verified", "grpc", "h2c")
# Where a proxy reaches bearward, in addition to an IPv4 address.
PLACES = ("[::1]:9170", "localhost:9170", "unix:/run/bearward.sock")

# In bearward's message about what a proxy does not support.
CANNOT = "does not support"


class Validity:
    def __init__(self, run):
        self.run = run
        self.folder = run.state / "valid"
        self.folder.mkdir()

    def check(self):
        config = self.config()
        for running in [proxy for proxy in self.run.proxies if not proxy.is_stand_in]:
            # With files of its own.
            proxy = type(running)(running.executable, self.folder, running.generate)
            cases = [["--bearward", self.run.auth_of(running)]]
            if not proxy.is_chain:
                cases = [[*case, "--application", name] for case in cases for name in UPSTREAMS]
                cases += [["--bearward", place, "--application", "socket"] for place in PLACES]
            else:
                cases += [["--bearward", place] for place in PLACES[:2]]
            for case in cases:
                self.check_one(proxy, config, case)
            if proxy.is_chain:
                more = ["--bearward", "localhost:8080", "--bearward-ca", str(self.certificate)]
                self.check_one(proxy, self.config(is_secure=True), more)

    def config(self, is_secure=False):
        text = (pathlib.Path(__file__).parent / "bearward.toml").read_text()
        start, _, rest = text.partition("[identity]\n")
        _, _, listen = rest.partition("[listen.forward_auth]\n")
        text = start + SEVERAL + IDENTITY + "[listen.forward_auth]\n" + listen
        self.certificate, key = self.certified()
        if is_secure:
            text += f'\n[listen.proxy.tls]\ncertificate = "{self.certificate}"\nkey = "{key}"\n'
        values = {**self.run.addresses, "ISSUER": self.run.issuer, "APPLICATION": self.run.application.address}
        file = self.folder / f"bearward{'-secure' if is_secure else ''}.toml"
        file.write_text(filled(text, {**values, "CA": str(self.certificate)}))
        return file

    def certified(self):
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        if not certificate.exists():
            command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
            command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
            command += ["-keyout", str(key), "-out", str(certificate)]
            subprocess.run(command, check=True, capture_output=True)
        return certificate, key

    def check_one(self, proxy, config, options):
        what = f"the recipe with everything, {' '.join(options)}: valid"
        try:
            recipe = self.run.generates(config)(proxy.recipe, "--listen", "[::1]:8000", *options)
        except RuntimeError as error:
            # It says so, rather than to write what does not work.
            self.run.check(proxy, f"{what}, or refused: {str(error).strip()[-90:]}", CANNOT in str(error), True)
            return
        command = proxy.check_command(proxy.around(recipe))
        if command is None:
            return
        found = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        self.run.check(proxy, what, (found.returncode, found.stderr[-600:] if found.returncode else ""), (0, ""))
