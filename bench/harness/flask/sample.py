"""MEASURED, NOT RECOMMENDED: the sample that Authgear's manual gives for Flask, as it behaves.

It is here so that it can be compared with. What it does is what the manual's code does, and is wrong: each request
fetches metadata and key set, nothing is checked of issuer and type, and every failure is answered 200. docs/authgear.md
shows how to do it.

`/kept` is the same with the key set kept, as PyJWT would have it; `/bare` is Flask alone.
"""

import json
import os
from urllib.request import urlopen

import jwt
from flask import Flask, request
from jwt import PyJWKClient

ISSUER = os.environ["ISSUER"]
app = Flask(__name__)


def jwks_uri():
    with urlopen(f"{ISSUER}/.well-known/openid-configuration") as answer:
        return json.loads(answer.read())["jwks_uri"]


def decoded(client):
    token = request.headers.get("Authorization").split(" ")[1]
    key = client.get_signing_key_from_jwt(token)
    return jwt.decode(token, key.key, algorithms=["RS256"], audience=ISSUER, options={"verify_exp": True})


@app.route("/hello")
def hello():
    try:
        return {"message": "Hello!", "user_data": decoded(PyJWKClient(jwks_uri()))}
    except Exception:
        return {"message": "Not authenticated."}


_kept = []


@app.route("/kept")
def kept():
    try:
        if not _kept:
            _kept.append(PyJWKClient(jwks_uri()))
        return {"message": "Hello!", "user_data": decoded(_kept[0])}
    except Exception:
        return {"message": "Not authenticated."}


@app.route("/bare")
def bare():
    return {"message": "Hello!"}
