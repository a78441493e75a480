// Decides on tokens with jsonwebtoken, as its documentation recommends: a key looked up as jwks-rsa does, a list of
// algorithms, issuer, audience. With maxAge it requires `iat`. It has no setting for required claims or typ.
import { createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import jsonwebtoken from 'jsonwebtoken';

const KNOWN = ['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];
const verify = promisify(jsonwebtoken.verify);

// The first key with this `kid`; without a `kid`, the only key.
function find(keys, kid, found) {
  const named = kid !== undefined && kid !== null;
  const jwk = named ? keys.find((key) => key.kid === kid) : keys.length === 1 && keys[0];
  if (!jwk) return found(new Error('no such key'));
  found(null, createPublicKey({ key: jwk, format: 'jwk' }));
}

let setting;
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (!setting) {
    setting = said;
    continue;
  }
  const { keys } = setting.key_sets[said.key_set];
  try {
    await verify(said.token, ({ kid }, found) => find(keys, kid, found), {
      algorithms: setting.algorithms.filter((name) => KNOWN.includes(name)),
      issuer: setting.issuer,
      audience: setting.audience,
      maxAge: 86400,
      clockTolerance: setting.leeway,
      clockTimestamp: setting.now,
    });
    console.log('accepted');
  } catch (error) {
    console.log(error instanceof jsonwebtoken.JsonWebTokenError ? 'refused' : 'failed', error.name);
  }
}
