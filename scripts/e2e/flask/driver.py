"""examples/flask-behind-gateway as it is, with other addresses: behind the reverse proxy, and behind nginx."""

import json
import pathlib
import re
import shlex
import signal
import socket
import stat
import subprocess

from client import ask, bearer
from ports import free_port
from processes import Program, until
from run import INVALID, REALM, Gateway, Run, claims_of, filled, main

EXAMPLE = pathlib.Path("examples/flask-behind-gateway")
USER = "https://authgear.com/claims/user/"
FORGED = "forged"

# What a client says it is. To a WSGI application, `_` and `-` are the same.
SPOOFED = [
    ("X-Authgear-Session-Valid", "true"),
    ("X_Authgear_Session_Valid", "true"),
    ("X-Authgear-User-Id", FORGED),
    ("x-authgear-user-id", FORGED),
    ("X_Authgear_User_Id", FORGED),
    ("X_AUTHGEAR_USER_ID", FORGED),
    ("X-Authgear_User-Id", FORGED),
    ("X-Authgear-User-Roles", "admin"),
    ("X_Authgear_User_Roles", "admin"),
    ("X-Authgear-User-Verified", "true"),
    ("X_Authgear_User_Verified", "true"),
    ("X-Authgear-User-Anonymous", "false"),
    ("X_Authgear_User_Can_Reauthenticate", "true"),
    ("X-Authgear-Session-Amr", "mfa x_passkey"),
    ("X_Authgear_Session_Amr", "mfa x_passkey"),
    ("X-Authgear-Session-Authenticated-At", "1"),
    ("X_Authgear_Session_Authenticated_At", "1"),
]


class Flask:
    """The application under gunicorn, which would let every spelling of a header through."""

    def __init__(self, python, folder):
        self.socket = folder / "flask.sock"
        self.requests = folder / "requests.log"
        command = [python, "-m", "gunicorn", "--chdir", str(EXAMPLE), "--workers", "2"]
        command += ["--header-map", "dangerous", "--no-control-socket"]
        command += ["--bind", f"unix:{self.socket}", "--umask", "007"]
        command += ["--access-logfile", str(self.requests), "app:app"]
        self.program = Program("gunicorn", command, folder / "gunicorn.log")
        until("gunicorn listens", 20, lambda: self.answers(b"GET / HTTP/1.0\r\n\r\n"), self.program)

    def answers(self, request):
        """What it says to whoever can open its socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(self.socket))
            connection.sendall(request)
            answer = b""
            while piece := connection.recv(65536):
                answer += piece
            return answer

    def seen(self, at_least):
        """How often it was asked for /hello. A request is in its log shortly after it was answered."""
        count = lambda: self.requests.read_text().count(" /hello ")
        until("gunicorn has logged its requests", 5, lambda: count() >= at_least)
        return count()

    def ports(self):
        """TCP ports that it, or a worker of it, listens on."""
        processes = [self.program.id, *children(self.program.id)]
        sockets = set()
        for process in processes:
            for descriptor in pathlib.Path(f"/proc/{process}/fd").iterdir():
                if inode := re.fullmatch(r"socket:\[(\d+)\]", str(descriptor.readlink())):
                    sockets.add(inode[1])
        assert sockets, "it has a socket at least"
        listening = []
        for table in ("tcp", "tcp6"):
            for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in sockets:
                    listening.append(fields[1])
        return listening


class FlaskRun(Run):
    time_limit = 80

    def __init__(self, options):
        super().__init__(options)
        self.good = 0
        self.flask = None

    def start(self):
        self.issuer.start()
        self.flask = Flask(self.options.python, self.state)

    def parts(self):
        yield "the reverse proxy", self.reverse_proxy
        if self.options.nginx:
            yield "nginx", self.nginx
        yield "the application alone", self.alone

    def example(self, name, **values):
        """A file of the example, with these addresses in the place of its own."""
        text = (EXAMPLE / name).read_text()
        for found, value in values.values():
            assert found in text, f"{name} does not say {found}"
            text = text.replace(found, value)
        return text

    def reverse_proxy(self):
        gateway = Gateway(self.options.bearward, self.state / "reverse-proxy")
        text = self.example(
            "bearward.toml",
            issuer=("https://my-project.authgear.cloud", self.issuer.url),
            flask=("/run/hello/flask.sock", str(self.flask.socket.resolve())),
            listen=("127.0.0.1:8080", gateway.addresses["PROXY"]),
            admin=("[listen.admin]", f'[listen.admin]\naddress = "{gateway.addresses["ADMIN"]}"'),
        )
        gateway.write(text)
        gateway.start()
        self.suite("the reverse proxy", gateway.port)
        self.check("the reverse proxy: what was refused did not reach Flask", self.flask.seen(self.good), self.good)
        gateway.program.tell(signal.SIGTERM)
        self.check("the gateway ends when it is told to: exit code", gateway.program.exit_code(10), 0)
        answer = ask(gateway.port, "/hello", bearer(self.issuer.mint()))
        self.holds("the gateway is gone: nobody answers", answer.status == 0, answer.error)

    def nginx(self):
        gateway = Gateway(self.options.bearward, self.state / "nginx")
        text = self.example(
            "nginx/bearward.toml",
            issuer=("https://my-project.authgear.cloud", self.issuer.url),
            listen=("127.0.0.1:9170", gateway.addresses["FORWARD_AUTH"]),
            admin=("[listen.admin]", f'[listen.admin]\naddress = "{gateway.addresses["ADMIN"]}"'),
        )
        gateway.write(text)
        gateway.start()
        self.generated()
        port = free_port()
        server = self.example(
            "nginx/hello.conf",
            listen=("127.0.0.1:8080", f"127.0.0.1:{port}"),
            flask=("/run/hello/flask.sock", str(self.flask.socket.resolve())),
            bearward=("127.0.0.1:9170", gateway.addresses["FORWARD_AUTH"]),
        )
        (gateway.folder / "hello.conf").write_text(server)
        config = gateway.folder / "nginx.conf"
        outer = (pathlib.Path(__file__).parent / "nginx.conf").read_text()
        config.write_text(filled(outer, {"STATE": str(gateway.folder)}))
        command = [self.options.nginx, "-c", str(config), "-p", str(gateway.folder), "-e", "stderr"]
        nginx = Program("nginx", command, gateway.folder / "nginx.log")
        nginx.listens(port)
        self.suite("nginx", port)
        gateway.program.pause()
        answer = ask(port, "/hello", bearer(self.issuer.mint()))
        self.holds("nginx: the gateway does not answer: refused", 500 <= answer.status < 600, answer.status)
        gateway.program.kill()
        answer = ask(port, "/hello", bearer(self.issuer.mint()))
        self.check("nginx: the gateway is gone: refused", answer.status, 500)
        answer = ask(port, "/hello", bearer(self.issuer.mint()), *SPOOFED)
        self.check("nginx: the gateway is gone, spoofed headers: refused", answer.status, 500)
        self.check("nginx: what was refused did not reach Flask", self.flask.seen(self.good), self.good)

    def generated(self):
        """The example's file is what its page says that it is: the output of this command."""
        text = (EXAMPLE / "README.md").read_text().replace("\\\n", "")
        command, file = re.search(r"^bearward (gen-config .*) > (.*)$", text, re.M).groups()
        written = subprocess.run(
            [self.options.bearward, *shlex.split(command)], cwd=EXAMPLE, capture_output=True, text=True, check=False
        )
        found = (written.returncode, written.stdout, written.stderr)
        self.check(f"nginx: {file} is what gen-config writes", found, (0, (EXAMPLE / file).read_text(), ""))

    def suite(self, name, port):
        token = self.issuer.mint(claims={f"{USER}roles": ["admin", "staff"]})
        self.greets(name, "a good token", port, token)
        self.greets(name, "a good token without roles", port, self.issuer.mint(claims={f"{USER}roles": None}))
        unverified = {f"{USER}is_verified": False, f"{USER}can_reauthenticate": False, "amr": ["pwd", "otp", "mfa"]}
        self.greets(name, "a good token of an unverified user", port, self.issuer.mint(claims=unverified))
        self.greets(name, "a good token and spoofed headers", port, self.issuer.mint(), *SPOOFED)
        bare = self.issuer.mint(claims={f"{USER}roles": None, "amr": None, "auth_time": None})
        self.greets(name, "a token that says little, and spoofed headers", port, bare, *SPOOFED)
        named = ("Connection", ", ".join(sorted({header for header, _ in SPOOFED if "_" not in header})))
        self.greets(name, "a good token, the headers named in Connection", port, self.issuer.mint(), named)

        self.refused(name, "no token", port, 401, [REALM])
        self.refused(name, "no token, spoofed headers", port, 401, [REALM], *SPOOFED)
        expired = self.issuer.mint(expires_in=-3600)
        self.refused(name, "an expired token", port, 401, [INVALID], bearer(expired))
        self.refused(name, "an expired token, spoofed headers", port, 401, [INVALID], bearer(expired), *SPOOFED)
        other = self.issuer.mint(audience="https://other.example.com")
        self.refused(name, "a token for another audience", port, 401, [INVALID], bearer(other))
        id_token = self.issuer.mint(kind="id_token")
        self.refused(name, "an ID token", port, 401, [INVALID], bearer(id_token))
        machine = self.issuer.mint(kind="machine")
        self.refused(name, "a machine's token, which is no user's", port, 403, [], bearer(machine))
        self.refused(name, "a machine's token, spoofed headers", port, 403, [], bearer(machine), *SPOOFED)
        self.refused(name, "another route", port, 403, [], bearer(token), target="/other")

    def greets(self, name, what, port, token, *fields):
        answer = ask(port, "/hello", bearer(token), *fields, host="hello.example.com")
        self.good += 1
        body = json.loads(answer.body) if answer.status == 200 else answer.error or answer.body
        expected = (200, {"message": "Hello!", "user_data": told(claims_of(token))})
        self.check(f"{name}: {what}: 200 with its user", (answer.status, body), expected)

    def refused(self, name, what, port, status, challenges, *fields, target="/hello"):
        answer = ask(port, target, *fields, host="hello.example.com")
        found = (answer.status, answer.challenges)
        self.check(f"{name}: {what}: {status}", found, (status, challenges))

    def alone(self):
        """Whoever is not the gateway has no way to it."""
        self.check("Flask listens on no TCP port", self.flask.ports(), [])
        mode = stat.S_IMODE(self.flask.socket.stat().st_mode)
        self.check("Flask's socket is not for everybody", mode & 0o007, 0)
        # To show that the checks above could have failed: here is no gateway.
        spoofed = "".join(f"{name}: {value}\r\n" for name, value in SPOOFED if "_" in name)
        spoofed += "X_Authgear_User_Anonymous: false\r\n"
        request = f"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{spoofed}\r\n"
        answer = self.flask.answers(request.encode())
        self.check("spoofed headers would have an effect, were they let through", FORGED.encode() in answer, True)
        answer = self.flask.answers(b"GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.check("without identity headers Flask refuses by itself", answer.split(b" ")[1], b"403")


def told(claims):
    """What the sample tells of these claims."""
    user = {"sub": claims["sub"], "amr": claims.get("amr") or [], f"{USER}roles": claims.get(f"{USER}roles") or []}
    for name in ("is_anonymous", "is_verified", "can_reauthenticate"):
        user[f"{USER}{name}"] = claims[f"{USER}{name}"]
    if "auth_time" in claims:
        user["auth_time"] = claims["auth_time"]
    return user


def children(process):
    listed = pathlib.Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


if __name__ == "__main__":
    main(FlaskRun, "nginx", "python")
