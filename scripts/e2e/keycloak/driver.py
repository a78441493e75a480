"""`bearward serve` in front of an application, with the tokens of a real Keycloak. The log says why each is refused."""

import base64
import concurrent.futures
import contextlib
import http.server
import json
import pathlib
import re
import subprocess
import threading
import time

import realm
from client import ask, bearer
from keycloak import Keycloak
from ports import free_port
from processes import until
from run import INVALID, Gateway, Run, claims_of, main

HERE = pathlib.Path(__file__).parent
CONFIG = (HERE / "bearward.toml").read_text()
SETTINGS = {"profile": "keycloak", "audiences": [realm.AUDIENCE]}
ADMITTED = (200, "admitted")
# A key set with `Cache-Control: no-cache` is fresh for a minute, and refreshed after 88 % of it at the latest; so many seconds
# a removed key lives, with those that the fetch may take.
LIVES = 53 + 5
# bearward's tolerance for differences between clocks.
LEEWAY = 30


class Application(http.server.ThreadingHTTPServer):
    """Answers with what the gateway says of the principal."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", free_port()), Answering)
        self.address = f"127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answering(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):  # pylint: disable=invalid-name
        principal = {name: self.headers[f"X-Bearward-{name}"] for name in ("Subject", "Kind", "Client-Id", "Issuer")}
        body = json.dumps(principal).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Door(Gateway):
    """A gateway whose log is read after each request."""

    def decide(self, path, token):
        """The status, the reason, and the answer."""
        before = len(self.reasons())
        answer = ask(self.port, path, bearer(token))
        until("the request is in the log", 5, lambda: len(self.reasons()) > before)
        return (answer.status, self.reasons()[-1]), answer

    def reasons(self):
        return re.findall(r' bearward::access: .*\breason="(\w+)"', self.log_text())

    def state(self):
        (issuer,) = json.loads(self.admin("/issuers").body)["issuers"]
        return issuer


class KeycloakRun(Run):
    time_limit = 560

    def __init__(self, options):
        super().__init__(options)
        self.application = Application()
        self.keycloak = None
        self.door = None
        # Tokens of the key that was there first, and of the one that came.
        self.old = self.new = None

    def start(self):
        self.keycloak = Keycloak(self.options.distribution, self.state / "keycloak")
        realm.create(self.keycloak)
        self.door = Door(self.options.bearward, self.state / "usual")
        self.configure(self.door)
        self.door.start()

    def parts(self):
        yield "metadata and keys", self.keys
        yield "users and machines", self.principals
        yield "roles at 130 clients", self.roles
        yield "what is no access token for the API", self.refused
        yield "the client's id as an audience", self.client_as_audience
        yield "tokens without sub", self.without_subject
        yield "the default profile", self.default_profile
        yield "the audience account", self.account
        yield "a new key", self.rotation
        yield "a removed key, and an expired token", self.removal
        yield "an internal origin", self.internal_origin

    @contextlib.contextmanager
    def gateway(self, name, **settings):
        """One with other settings of the issuer, for a part."""
        door = Door(self.options.bearward, self.state / name)
        self.configure(door, **settings)
        door.start()
        try:
            yield door
        finally:
            door.program.kill()

    def configure(self, door, **settings):
        lines = [f"{key} = {json.dumps(value)}" for key, value in {**SETTINGS, **settings}.items() if value is not None]
        values = {"ISSUER": self.keycloak.issuer, "APPLICATION": self.application.address}
        door.write(CONFIG, SETTINGS="\n".join(lines), **values)

    def warnings(self, door):
        """What `bearward check` warns of, of a configuration that is good."""
        command = [self.options.bearward, "check", "--config", door.config, "--format", "json"]
        report = json.loads(subprocess.run(command, capture_output=True, check=False, timeout=60).stdout)
        assert not report["mistakes"], report
        return [warning["message"] for warning in report["warnings"]]

    def admits(self, what, token, subject, kind, client, door=None):
        found, answer = (door or self.door).decide("/anybody", token)
        principal = json.loads(answer.body) if answer.status == 200 else answer.error or answer.body
        expected = {"Subject": subject, "Kind": kind, "Client-Id": client, "Issuer": claims_of(token)["iss"]}
        self.check(f"{what}: admitted", (found, principal), (ADMITTED, expected))

    def passes(self, what, token, path, door=None):
        self.check(f"{what}, {path}: admitted", (door or self.door).decide(path, token)[0], ADMITTED)

    def refuses(self, what, token, reason, door=None):
        """Because of the token."""
        found, answer = (door or self.door).decide("/anybody", token)
        self.check(f"{what}: refused, {reason}", (*found, answer.challenges), (401, reason, [INVALID]))

    def forbids(self, what, token, path, reason):
        """Because of what the route requires."""
        found, _ = self.door.decide(path, token)
        self.check(f"{what}, {path}: forbidden, {reason}", found, (403, reason))

    # The parts

    def keys(self):
        published, cache_control = self.keycloak.key_set()
        uses = sorted((key["use"], key["alg"]) for key in published.values())
        self.check("Keycloak publishes a key for encryption, too", uses, [("enc", "RSA-OAEP"), ("sig", "RS256")])
        self.check("its key set is to be asked for anew each time", cache_control, "no-cache")
        state = self.door.state()
        signing = [name for name, key in published.items() if key["use"] == "sig"]
        self.check("bearward uses the key for signatures", state["kids"], signing)
        self.check("the other one is for another use", [key["reason"] for key in state["unusable"]], ["jwk_other_use"])
        warned = [line for line in self.door.log_text().splitlines() if " WARN bearward::" in line]
        self.check("no key is warned of in the log", warned, [])
        self.check("`bearward check` warns of nothing", self.warnings(self.door), [])

    def principals(self):
        alice = self.keycloak.user_id("alice")
        login = self.keycloak.login("spa", "alice")["access_token"]
        self.admits("a login by authorization code and PKCE", login, alice, "user", "spa")
        self.passes("a login", login, "/users")
        self.forbids("a login", login, "/machines", "principal_kind")
        self.passes("a user with the role admin", login, "/administrators")
        self.forbids("a user without a role at svc-000", login, "/readers", "claim_rule")
        with_password = self.keycloak.of_user("spa", "alice")["access_token"]
        self.admits("a user's password", with_password, alice, "user", "spa")
        offline = self.keycloak.of_user("spa", "alice", scope="openid offline_access")
        self.admits("the access token that comes with an offline token", offline["access_token"], alice, "user", "spa")
        renewed = self.keycloak.token("spa", grant_type="refresh_token", refresh_token=offline["refresh_token"])
        self.admits("the access token that an offline token gets", renewed["access_token"], alice, "user", "spa")

        machine = self.keycloak.of_machine("batch")["access_token"]
        self.admits("client credentials", machine, self.keycloak.service_account("batch"), "machine", "batch")
        self.passes("client credentials", machine, "/machines")
        self.forbids("client credentials", machine, "/users", "principal_kind")
        # threat: T-CLM-21
        named = self.keycloak.of_user("spa", "service-account-mallory")["access_token"]
        mallory = self.keycloak.user_id("service-account-mallory")
        self.admits("a user who is named like a service account", named, mallory, "user", "spa")
        self.forbids("a user who is named like a service account", named, "/machines", "principal_kind")

    def roles(self):
        token = self.keycloak.of_user("spa", "bob")["access_token"]
        claims = claims_of(token)
        self.check("the token names roles at 130 clients", len(claims["resource_access"]), 130)
        self.holds("the token's bytes", 8000 < len(token) < 16384, len(token))
        self.admits("roles at 130 clients", token, claims["sub"], "user", "spa")
        self.passes("the role reader at svc-000", token, "/readers")
        self.forbids("no role writer at svc-000", token, "/writers", "claim_rule")
        self.forbids("no role admin", token, "/administrators", "claim_rule")

    def others(self):
        """What Keycloak issues that is no access token, and why it is refused."""
        login = self.keycloak.login("spa", "alice")
        yield "an ID token with a nonce", login["id_token"], "typ_not_accepted"
        yield "a refresh token", login["refresh_token"], "alg_not_allowed"
        offline = self.keycloak.of_user("spa", "alice", scope="openid offline_access")
        yield "an ID token without a nonce", offline["id_token"], "typ_not_accepted"
        yield "an offline token, which never expires", offline["refresh_token"], "alg_not_allowed"
        api = f"/{self.keycloak.realm}"
        initial = self.keycloak.admin("POST", f"{api}/clients-initial-access", {"count": 1, "expiration": 300})
        yield "an initial access token", initial["token"], "alg_not_allowed"
        client = self.keycloak.client("spa")
        registration = self.keycloak.admin("POST", f"{api}/clients/{client}/registration-access-token")
        yield "a registration access token", registration["registrationAccessToken"], "alg_not_allowed"

    def refused(self):
        rows = list(self.others())
        rows.append(("a token for another audience", self.keycloak.of_user("other", "alice")["access_token"], "aud_mismatch"))
        named = self.keycloak.of_user("other", "service-account-mallory")["access_token"]
        rows.append(("a token without an audience", named, "aud_missing"))
        without = self.keycloak.of_user("no-basic", "alice")["access_token"]
        rows.append(("a token without sub", without, "claim_missing"))
        for row in rows:
            self.refuses(*row)
        good = self.keycloak.of_user("spa", "alice")["access_token"]
        command = [self.options.bearward, "verify", "--issuer", self.keycloak.issuer, "--audience", realm.AUDIENCE]
        tokens = "\n".join([token for _, token, _ in rows] + [good])
        written = subprocess.run(
            [*command, "--profile", "keycloak", "-"], input=tokens, capture_output=True, text=True, check=False, timeout=60
        )
        found = [verdict.get("reason", verdict["valid"]) for verdict in map(json.loads, written.stdout.splitlines())]
        self.check("`bearward verify` says the same", found, [reason for *_, reason in rows] + [True])

    # threat: T-CLM-22
    def client_as_audience(self):
        """ID tokens are for the client and refresh tokens for the issuer, so only their type gives them away."""
        audiences = [realm.AUDIENCE, "spa", self.keycloak.issuer]
        with self.gateway("client-as-audience", audiences=audiences) as door:
            for what, token, reason in self.others():
                self.refuses(f"{what}, for one of the audiences", token, reason, door)
            self.passes("an access token", self.keycloak.of_user("spa", "alice")["access_token"], "/users", door)

    def without_subject(self):
        without = self.keycloak.of_user("no-basic", "alice")["access_token"]
        self.check("the client without the scope `basic`: no sub", claims_of(without).get("sub"), None)
        with self.gateway("subject-claim", subject_claim="user_id") as door:
            alice = self.keycloak.user_id("alice")
            self.admits("with `subject_claim`, the token without sub", without, alice, "user", "no-basic", door)
            token = self.keycloak.of_user("spa", "alice")["access_token"]
            self.refuses("with `subject_claim`, a token without that claim", token, "claim_missing", door)
        self.configure(door, subject_claim="preferred_username")
        warned = [message for message in self.warnings(door) if '"preferred_username"' in message]
        self.check("a name that users choose as the subject: warned of", len(warned), 1)

    def default_profile(self):
        with self.gateway("default-profile", profile=None) as door:
            warned = [message for message in self.warnings(door) if 'an issuer with the profile "keycloak"' in message]
            self.check("the default profile: warned of", len(warned), 1)
            user = self.keycloak.login("spa", "alice")
            machine = self.keycloak.of_machine("batch")
            for what, token, reason in (
                ("a login", user["access_token"], "typ_not_accepted"),
                ("client credentials", machine["access_token"], "typ_not_accepted"),
                ("an ID token", user["id_token"], "typ_not_accepted"),
                ("a refresh token", user["refresh_token"], "alg_not_allowed"),
            ):
                self.refuses(f"the default profile, {what}", token, reason, door)

    def account(self):
        with self.gateway("account", audiences=["account"]) as door:
            warned = ['"account"' in message for message in self.warnings(door)]
            self.check("the audience account: warned of", warned, [True])
            other = self.keycloak.of_user("other", "alice")["access_token"]
            self.passes("what the warning is about: a token that is for no API", other, "/anybody", door)

    def rotation(self):
        old = self.keycloak.of_user("spa", "alice")["access_token"]
        self.passes("the old key", old, "/anybody")
        generation = self.door.state()["generation"]
        self.keycloak.add_key("rsa-new", 200)
        new = self.keycloak.of_user("spa", "alice")["access_token"]
        with concurrent.futures.ThreadPoolExecutor(20) as askers:
            statuses = list(askers.map(lambda token: ask(self.door.port, "/anybody", bearer(token)).status, [new, old] * 100))
        self.check("the new key and the old one, at once: none of 200 requests refused", set(statuses), {200})
        self.check("the key set changed once", self.door.state()["generation"], generation + 1)
        self.keycloak.change_key("rsa-generated", active="false")
        published, _ = self.keycloak.key_set()
        self.check("Keycloak publishes the old key while it is passive", key_of(old) in published, True)
        self.passes("the old key, which is passive", old, "/anybody")
        self.passes("the new key", new, "/anybody")
        self.old, self.new = old, new

    def removal(self):
        short = self.keycloak.of_user("short-lived", "alice")["access_token"]
        self.passes("a token that lives ten seconds", short, "/anybody")
        self.keycloak.change_key("rsa-generated", enabled="false")
        published, _ = self.keycloak.key_set()
        self.check("Keycloak publishes the old key no longer", key_of(self.old) in published, False)
        removed = time.monotonic()
        seconds, new = None, set()
        while seconds is None and time.monotonic() < removed + LIVES:
            new.add(ask(self.door.port, "/anybody", bearer(self.new)).status)
            if ask(self.door.port, "/anybody", bearer(self.old)).status != 200:
                seconds = time.monotonic() - removed
            time.sleep(0.25)
        self.holds(f"a removed key lives for {LIVES} s at most", seconds is not None, seconds and f"{seconds:.1f} s")
        self.refuses("the removed key", self.old, "kid_unknown")
        self.check("meanwhile the new key was never refused", new, {200})
        time.sleep(max(0, claims_of(short)["exp"] + LEEWAY + 1 - time.time()))
        self.refuses(f"that token {LEEWAY} s after its exp", short, "token_expired")
        self.passes("a fresh one", self.keycloak.of_user("short-lived", "alice")["access_token"], "/anybody")

    def internal_origin(self):
        """Keycloak under a public name that does not lead here, and its metadata for those who ask it from within."""
        self.door.program.kill()
        self.keycloak.kill()
        name = "id.example.test"
        options = ["--hostname", f"https://{name}", "--hostname-backchannel-dynamic", "true"]
        self.keycloak = Keycloak(self.options.distribution, self.state / "internal", *options)
        realm.create(self.keycloak)
        path = f"/realms/{self.keycloak.realm}"
        self.check("the issuer has its public name", self.keycloak.issuer, f"https://{name}{path}")
        keys = f"{path}/protocol/openid-connect/certs"
        within = self.keycloak.metadata(Host=name)["jwks_uri"]
        self.check("its metadata have the host and the scheme of the question", within, f"http://{name}{keys}")
        alice = self.keycloak.user_id("alice")
        token = self.keycloak.of_user("spa", "alice")["access_token"]
        for what, setting in (
            ("jwks_uri", {"jwks_uri": f"{self.keycloak.origin}{keys}"}),
            ("internal_origin", {"internal_origin": self.keycloak.origin}),
        ):
            with self.gateway(what, **setting) as door:
                self.admits(what, token, alice, "user", "spa", door)
                self.check(f"{what}: warned of nothing", self.warnings(door), [])


def key_of(token):
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


if __name__ == "__main__":
    main(KeycloakRun, "distribution")
