"""A real Keycloak: its process, its admin REST API, and the tokens that it issues."""

import base64
import hashlib
import html
import http.client
import http.cookiejar
import json
import os
import pathlib
import re
import secrets
import signal
import urllib.error
import urllib.parse
import urllib.request

from ports import free_port
from processes import Program, until

PASSWORD = "correct horse"
REDIRECT = "http://127.0.0.1/callback"


class Keycloak:
    """`kc.sh start-dev` with its data in memory, on loopback."""

    realm = "shop"

    def __init__(self, distribution, folder, *options):
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self._home = folder / "home"
        self._home.mkdir(parents=True)
        # What it writes while it runs stays out of the distribution.
        for entry in pathlib.Path(distribution).iterdir():
            if entry.name != "data":
                (self._home / entry.name).symlink_to(entry.resolve())
        command = [str(self._home / "bin" / "kc.sh"), "start-dev", f"-Dkc.home.dir={self._home.resolve()}"]
        command += ["--db", "dev-mem", "--cache", "local", "--http-host", "127.0.0.1", "--http-port", str(self.port)]
        bootstrap = {"KC_BOOTSTRAP_ADMIN_USERNAME": "admin", "KC_BOOTSTRAP_ADMIN_PASSWORD": PASSWORD}
        self.program = JavaBehindScript("Keycloak", [*command, *options], folder / "keycloak.log", {**os.environ, **bootstrap})
        # Its first start takes longest: it compiles its configuration.
        until("Keycloak answers", 240, self._answers, self.program)

    def kill(self):
        self.program.kill()

    def metadata(self, **fields):
        """What it says of the realm to those who ask with these fields."""
        return self._send("GET", f"/realms/{self.realm}/.well-known/openid-configuration", **fields)

    @property
    def issuer(self):
        return self.metadata()["issuer"]

    def key_set(self):
        """The keys by `kid`, and the field `Cache-Control`."""
        with urllib.request.urlopen(f"{self.origin}/realms/{self.realm}/protocol/openid-connect/certs", timeout=20) as answer:
            return {key["kid"]: key for key in json.load(answer)["keys"]}, answer.headers["Cache-Control"]

    # Tokens

    def token(self, client, realm=None, **fields):
        """Asks the token endpoint; the whole answer."""
        fields = {"client_id": client, **fields}
        return self._send("POST", f"/realms/{realm or self.realm}/protocol/openid-connect/token", form=fields)

    def of_user(self, client, user, scope="openid"):
        """By the user's password, without a page."""
        return self.token(client, grant_type="password", username=user, password=PASSWORD, scope=scope)

    def of_machine(self, client):
        return self.token(client, grant_type="client_credentials", client_secret=PASSWORD)

    def login(self, client, user):
        """As a browser: the authorization request with PKCE, the login page, its form, and the code."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        state = secrets.token_urlsafe(16)
        asked = {"response_type": "code", "client_id": client, "redirect_uri": REDIRECT, "scope": "openid", "state": state}
        asked |= {"nonce": secrets.token_urlsafe(16), "code_challenge": challenge, "code_challenge_method": "S256"}
        browser = _browser()
        url = f"{self.origin}/realms/{self.realm}/protocol/openid-connect/auth?{urllib.parse.urlencode(asked)}"
        with browser.open(url, timeout=20) as page:
            text = page.read().decode()
        form = re.search(r'<form id="kc-form-login"[^>]* action="([^"]+)"', text)
        filled = urllib.parse.urlencode({"username": user, "password": PASSWORD, "credentialId": ""}).encode()
        try:
            browser.open(html.unescape(form[1]), filled, timeout=20)
            raise RuntimeError("the login form was answered with a page")
        except urllib.error.HTTPError as redirect:
            back = urllib.parse.urlsplit(redirect.headers["Location"])
        answer = dict(urllib.parse.parse_qsl(back.query))
        assert answer.get("state") == state, f"the login led to {answer}"
        code = {"code": answer["code"], "redirect_uri": REDIRECT, "code_verifier": verifier}
        return self.token(client, grant_type="authorization_code", **code)

    # Administration

    def create_realm(self, **settings):
        self.admin("POST", "", {"realm": self.realm, "enabled": True, **settings})

    def import_into_realm(self, **parts):
        report = self.admin("POST", f"/{self.realm}/partialImport", {"ifResourceExists": "FAIL", **parts})
        assert report["skipped"] == 0, report

    def admin(self, method, path, body=None):
        """Asks below `/admin/realms`."""
        token = self.token("admin-cli", realm="master", grant_type="password", username="admin", password=PASSWORD)
        return self._send(method, f"/admin/realms{path}", body=body, token=token["access_token"])

    def user_id(self, name):
        (user,) = self.admin("GET", f"/{self.realm}/users?exact=true&username={name}")
        return user["id"]

    def service_account(self, client_id):
        """The identifier of the user who stands for this client."""
        return self.admin("GET", f"/{self.realm}/clients/{self.client(client_id)}/service-account-user")["id"]

    def client(self, client_id):
        """Its identifier in the API, which is not its `client_id`."""
        (client,) = self.admin("GET", f"/{self.realm}/clients?clientId={client_id}")
        return client["id"]

    def add_key(self, name, priority):
        """An RSA key, generated by Keycloak; of the active ones, that of the highest priority signs."""
        config = {"priority": [str(priority)], "enabled": ["true"], "active": ["true"], "algorithm": ["RS256"]}
        kind = {"providerId": "rsa-generated", "providerType": KEY_PROVIDER}
        (realm,) = (each["id"] for each in self.admin("GET", "") if each["realm"] == self.realm)
        self.admin("POST", f"/{self.realm}/components", {"name": name, "parentId": realm, **kind, "config": config})

    def change_key(self, name, **settings):
        """With `active` false it signs no longer; with `enabled` false it is published no longer."""
        found = self.admin("GET", f"/{self.realm}/components?type={KEY_PROVIDER}")
        (component,) = (each for each in found if each["name"] == name)
        component["config"] |= {setting: [value] for setting, value in settings.items()}
        self.admin("PUT", f"/{self.realm}/components/{component['id']}", component)

    def _answers(self):
        return self._send("GET", "/realms/master")["realm"] == "master"

    def _send(self, method, path, body=None, form=None, token=None, **fields):
        request = urllib.request.Request(f"{self.origin}{path}", method=method, headers=fields)
        if form is not None:
            request.data = urllib.parse.urlencode(form).encode()
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise OSError(f"{method} {path}: {error.code} {error.read()[:500]!r}") from error
        except http.client.HTTPException as error:
            raise OSError(f"{method} {path}: {error!r}") from error
        return json.loads(text) if text else None


class JavaBehindScript(Program):
    """A script that waits for the program that it started: to end the script alone would leave that running."""

    def kill(self):
        if not self.ended():
            for child in pathlib.Path(f"/proc/{self.id}/task/{self.id}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
        super().kill()


def _browser():
    # To a browser loopback is as good as https, so it sends cookies that are `Secure` there.
    policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
    cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar(policy))
    return urllib.request.build_opener(cookies, _StaysHere)


class _StaysHere(urllib.request.HTTPRedirectHandler):
    """Nothing listens where the login leads to; the address itself has the answer."""

    def redirect_request(self, *_):
        return None


KEY_PROVIDER = "org.keycloak.keys.KeyProvider"
