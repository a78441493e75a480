// Decides on tokens with jose, as its documentation recommends: createLocalJWKSet, a list of algorithms, issuer,
// audience, typ, required claims. With maxTokenAge it checks `iat`.
import { createLocalJWKSet, errors, jwtVerify } from 'jose';
import { createInterface } from 'node:readline';

let setting, keySets;
for await (const line of createInterface({ input: process.stdin })) {
  const said = JSON.parse(line);
  if (!setting) {
    setting = said;
    keySets = Object.fromEntries(
      Object.entries(setting.key_sets).map(([name, keys]) => [name, createLocalJWKSet(keys)]),
    );
    continue;
  }
  try {
    await jwtVerify(said.token, keySets[said.key_set], {
      algorithms: setting.algorithms,
      issuer: setting.issuer,
      audience: setting.audience,
      typ: 'at+jwt',
      requiredClaims: ['iss', 'aud', 'exp', 'sub', 'iat', 'jti', 'client_id'],
      maxTokenAge: 86400,
      clockTolerance: setting.leeway,
      currentDate: new Date(setting.now * 1000),
    });
    console.log('accepted');
  } catch (error) {
    console.log(error instanceof errors.JOSEError ? 'refused' : 'failed', error.code ?? error.name);
  }
}
