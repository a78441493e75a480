// Decides on tokens with fast-jwt, as its documentation recommends: a key looked up as get-jwks does, a list of
// algorithms, issuer, audience, typ, required claims. With maxAge it checks `iat`.
import { createPublicKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import { createVerifier, TokenError } from 'fast-jwt';

const KNOWN = ['EdDSA', 'ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'];

let setting, verifiers;

function verifier(keys) {
  return createVerifier({
    // The first key with this `kid` whose `alg` is that of the token, or absent.
    key: async ({ header }) => {
      const jwk = keys.find(({ kid, alg }) => kid === header.kid && (alg === undefined || alg === header.alg));
      if (!jwk) throw new TokenError(TokenError.codes.keyFetchingError, 'no such key');
      return createPublicKey({ key: jwk, format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    },
    algorithms: setting.algorithms.filter((name) => KNOWN.includes(name)),
    allowedIss: setting.issuer,
    allowedAud: setting.audience,
    checkTyp: 'at+jwt',
    requiredClaims: ['iss', 'aud', 'exp', 'sub', 'iat', 'jti', 'client_id'],
    maxAge: 86400_000,
    clockTolerance: setting.leeway * 1000,
    clockTimestamp: setting.now * 1000,
  });
}

for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (!setting) {
    setting = said;
    verifiers = Object.fromEntries(
      Object.entries(setting.key_sets).map(([name, { keys }]) => [name, verifier(keys)]),
    );
    continue;
  }
  try {
    await verifiers[said.key_set](said.token);
    console.log('accepted');
  } catch (error) {
    console.log(error instanceof TokenError ? 'refused' : 'failed', error.code ?? error.name);
  }
}
