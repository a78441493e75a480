"""PyJWT with PyJWKClient, as its manual has it: pyjwt.py ISSUER FILE. Prints tokens a second of
processor time."""

import sys
import time

import jwt
from jwt import PyJWKClient

issuer, file = sys.argv[1:]
with open(file) as lines:
    tokens = lines.read().split()
client = PyJWKClient(f"{issuer}/oauth2/jwks")


def verify(token):
    key = client.get_signing_key_from_jwt(token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=issuer, issuer=issuer)


verify(tokens[0])
try:
    verify(tokens[0][:-50] + ("A" if tokens[0][-50] != "A" else "B") + tokens[0][-49:])
    sys.exit("a spoilt signature was accepted")
except jwt.InvalidSignatureError:
    pass
start = time.process_time()
for token in tokens:
    verify(token)
print(len(tokens) / (time.process_time() - start))
