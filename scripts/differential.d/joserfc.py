"""Decides on tokens with joserfc, as its documentation recommends: a key set, a list of algorithms, a claims registry
with essential claims. It cannot check `typ`."""
import json
import sys
import warnings

# Not this file, which has the same name.
sys.path.pop(0)
from joserfc import jwk, jwt
from joserfc.errors import JoseError

warnings.simplefilter("ignore")
setting = json.loads(sys.stdin.readline())


def import_key_set(keys):
    """The key set; none if it cannot be read."""
    try:
        return jwk.KeySet.import_key_set(keys)
    except (JoseError, ValueError):
        return None


key_sets = {name: import_key_set(keys) for name, keys in setting["key_sets"].items()}
essential = {"essential": True}
claims = jwt.JWTClaimsRegistry(
    now=setting["now"], leeway=setting["leeway"], iss={"essential": True, "value": setting["issuer"]},
    aud={"essential": True, "value": setting["audience"]}, exp=essential, sub=essential, iat=essential, jti=essential,
    client_id=essential)
for line in sys.stdin:
    specimen = json.loads(line)
    keys = key_sets[specimen["key_set"]]
    if keys is None:
        print("refused key set")
        continue
    try:
        claims.validate(jwt.decode(specimen["token"], keys, algorithms=setting["algorithms"]).claims)
        print("accepted")
    except JoseError as error:
        print("refused", type(error).__name__)
    except Exception as error:  # not one that its documentation names
        print("failed", type(error).__name__)
