"""Decides on tokens with PyJWT, as its documentation recommends: PyJWKClient, a list of algorithms, issuer, audience,
required claims. It cannot check `typ`. It has no setting for the time: time-machine stops the clock."""
import json
import sys
import warnings

import jwt
import time_machine

warnings.simplefilter("ignore")
setting = json.loads(sys.stdin.readline())


class Client(jwt.PyJWKClient):
    """The key set is at hand: nothing is fetched."""

    def __init__(self, keys):
        super().__init__("https://auth.example/keys")
        self.keys = keys

    def fetch_data(self):
        self.jwk_set_cache.put(self.keys)
        self._last_successful_fetch = 0
        return self.keys


clients = {name: Client(keys) for name, keys in setting["key_sets"].items()}
with time_machine.travel(setting["now"], tick=False):
    for line in sys.stdin:
        specimen = json.loads(line)
        token = specimen["token"]
        try:
            key = clients[specimen["key_set"]].get_signing_key_from_jwt(token)
            jwt.decode(
                token, key, algorithms=setting["algorithms"], issuer=setting["issuer"], audience=setting["audience"],
                leeway=setting["leeway"],
                options={"require": ["iss", "aud", "exp", "sub", "iat", "jti", "client_id"],
                         "enforce_minimum_key_length": True})
            print("accepted")
        except jwt.PyJWTError as error:
            print("refused", type(error).__name__)
        except Exception as error:  # not one that its documentation names
            print("failed", type(error).__name__)
