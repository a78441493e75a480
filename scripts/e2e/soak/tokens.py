"""Tokens whose verdict is known by how they are made."""

import base64
import hashlib
import hmac
import http.client
import json
import random


class Mint:
    """Tokens of `bearward issuer`."""

    def __init__(self, url):
        self.url = url

    def token(self, subject="somebody", expires_in=24 * 3600, **asked):
        body = json.dumps({"subject": subject, "expires_in": expires_in, **asked})
        return self._post("/mint", body)["token"]

    def rotate(self, drop):
        """A new key signs; the others go, or stay."""
        return self._post("/rotate", json.dumps({"drop": drop}))["kid"]

    def break_down(self, fault):
        self._post("/faults", json.dumps({"fault": fault}))

    def recover(self):
        self._ask("DELETE", "/faults")

    def faults(self):
        return self._ask("GET", "/faults")["known"]

    def keys(self):
        return self._ask("GET", "/oauth2/jwks")["keys"]

    def _post(self, path, body):
        return self._ask("POST", path, body)

    def _ask(self, method, path, body=None):
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=20)
        connection.request(method, path, body)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {answer.status} {text!r}")
        return json.loads(text)


def spoilt(mint):
    """Of each kind one token: what is wrong with it, the token, the reason to refuse it."""
    good, other = mint.token("one"), mint.token("other")
    header, payload, signature = good.split(".")
    members, claims = decoded(header), decoded(payload)
    secret = json.dumps(mint.keys()).encode()

    def signed(members):
        head = f"{encoded(members)}.{payload}"
        return f"{head}.{text(hmac.new(secret, head.encode(), hashlib.sha256).digest())}"

    twice = claims[:-1] + b',"sub":"other"}'
    deep = claims[:-1] + b',"deep":' + b"[" * 40 + b"]" * 40 + b"}"
    members = json.loads(members)
    return [
        ("expired", mint.token(expires_in=-600), "token_expired"),
        ("for another audience", mint.token(audience="https://other.example"), "aud_mismatch"),
        ("for nobody", mint.token(claims={"aud": None}), "aud_missing"),
        ("of a stranger", mint.token(claims={"iss": "https://stranger.example"}), "issuer_unknown"),
        ("of no issuer", mint.token(claims={"iss": None}), "iss_missing"),
        ("an ID token", mint.token(kind="id_token"), "typ_not_accepted"),
        ("of another type", mint.token(header={"typ": "logout+jwt"}), "typ_not_accepted"),
        ("not yet valid", mint.token(claims={"nbf": 4102444800}), "token_not_yet_valid"),
        ("issued in the future", mint.token(claims={"iat": 4102444800}), "iat_in_future"),
        ("without an end", mint.token(claims={"exp": None}), "exp_missing"),
        ("with a text for its end", mint.token(claims={"exp": "4102444800"}), "date_type"),
        ("of nobody", mint.token(claims={"sub": None}), "claim_missing"),
        ("bound to a key", mint.token(claims={"cnf": {"jkt": "0" * 43}}), "cnf_not_proven"),
        ("with crit", mint.token(header={"crit": ["exp"]}), "crit_unsupported"),
        ("with b64", mint.token(header={"b64": True}), "b64_unsupported"),
        ("with zip", mint.token(header={"zip": "DEF"}), "header_zip"),
        ("with a number for kid", mint.token(header={"kid": 7}), "kid_invalid"),
        ("alg none", f"{encoded({**members, 'alg': 'none'})}.{payload}.", "alg_not_allowed"),
        ("HS256 with the public key", signed({**members, "alg": "HS256"}), "alg_not_allowed"),
        ("ES256 of an RSA key", f"{encoded({**members, 'alg': 'ES256'})}.{payload}.{signature}", "alg_key_mismatch"),
        ("with another's payload", f"{header}.{other.split('.')[1]}.{signature}", "signature_invalid"),
        ("with another's signature", f"{header}.{payload}.{other.split('.')[2]}", "signature_invalid"),
        ("with half a signature", f"{header}.{payload}.{signature[:len(signature) // 2 // 4 * 4]}", "signature_length"),
        ("with padding", f"{good}==", "base64_not_canonical"),
        ("cut", f"{header}.{payload}", "not_compact_jws"),
        ("opaque", "n4oqhFJrJXpEnJZ3Pl8vvGqBCd5Jb7oD", "not_compact_jws"),
        ("encrypted", f"{header}.a.a.a.a", "jwe_not_supported"),
        ("with sub twice", f"{header}.{text(twice)}.{signature}", "json_duplicate_member"),
        ("nested deeply", f"{header}.{text(deep)}.{signature}", "json_limits"),
        ("with a payload that is no JSON", f"{header}.{text(claims[:-1])}.{signature}", "json_invalid"),
        ("too large", f"{header}.{'A' * 17_000}.{signature}", "token_too_large"),
    ]


def forged(good, count):
    """So many tokens with signatures that nobody made."""
    signed, _, signature = good.rpartition(".")
    for _ in range(count):
        noise = text(random.randbytes(len(signature) * 3 // 4))
        yield f"{signed}.{noise}"


def of_unknown_keys(good, count):
    """So many tokens, each of another key that does not exist."""
    header, payload, signature = good.split(".")
    members = json.loads(decoded(header))
    for _ in range(count):
        yield f"{encoded({**members, 'kid': random.randbytes(12).hex()})}.{payload}.{signature}"


def kid_of(token):
    return json.loads(decoded(token.split(".")[0]))["kid"]


def decoded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def encoded(members):
    return text(json.dumps(members).encode())


def text(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
