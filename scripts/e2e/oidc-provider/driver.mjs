// The sample application of `bearward` in front of a certified OpenID provider, checked over HTTP.
//
// Usage: node driver.mjs PROGRAM STATE_DIRECTORY
// One round for each signature algorithm; each starts with fresh keys, a fresh provider and a fresh application.
import { isDeepStrictEqual } from 'node:util';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Browser, RESOURCE, boundToken, clientCredentials } from './client.mjs';
import { Application, Provider, freePort, logTails, until } from './processes.mjs';

const [program, state] = process.argv.slice(2);

const NO_CREDENTIALS = { status: 401, challenge: 'Bearer realm="api"' };
const INVALID_TOKEN = {
  status: 401,
  challenge: 'Bearer realm="api", error="invalid_token", error_description="The access token is not valid"',
};
const STEP_UP = {
  status: 401,
  challenge: 'Bearer realm="api", error="insufficient_user_authentication", '
    + 'error_description="A more recent or stronger authentication is required", max_age="300"',
};
const OK = { status: 200, challenge: null };

const HOUR = 3600;
/** Seconds a token is still accepted after its `exp`. */
const LEEWAY = 30;
/** Requests with each token during a rotation, at least. */
const ENOUGH = 100;
/** Seconds a whole run may take. */
const TIME_LIMIT = 180;

let passed = 0;
let failed = 0;

async function main() {
  setTimeout(() => {
    fail('the run', `an end within ${TIME_LIMIT} s`, 'none');
    finish();
  }, TIME_LIMIT * 1000).unref();
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    // A broken round is a failure, and no reason to skip the others.
    await round(alg).catch((error) => fail(`${alg} round`, 'an end', error.stack));
  }
  finish();
}

async function round(alg) {
  const directory = join(state, alg);
  mkdirSync(directory);
  const provider = new Provider(await freePort(), alg, directory);
  const settings = { issuer: provider.issuer, audience: RESOURCE, state: directory };
  let app;
  try {
    await provider.start(['first']);
    app = await Application.start(program, settings);
    await accepted(provider, app);
    await refused(provider, app);
    await stepUp(provider, app);
    // The application may fetch for an unknown `kid` twice at once, so a round may show it two new keys.
    await rotation(provider, app);
    if (alg === 'RS256') {
      // Neither depends on the algorithm, and waiting is most of what they do.
      const short = await expiring(provider, app);
      await outage(provider, app);
      await startWithoutIssuer(provider, settings);
      await expired(provider, app, short);
    }
  } finally {
    await app?.stop();
    await provider.kill();
  }
}

async function accepted(provider, app) {
  const { alg, metadata } = provider;
  await until('the application is ready', 10, undefined, () => ready(app));

  const machine = await clientCredentials(metadata, { resource: RESOURCE });
  const published = (await provider.keys()).map(({ kid }) => kid);
  const { kid, ...header } = decode(machine, 0);
  const found = { ...header, published: published.includes(kid) };
  const expected = { alg, typ: 'at+jwt', published: true };
  check(`${alg} the provider issues such tokens, under a published key`, found, expected);
  await accept(app, `${alg} client credentials token`, machine, { sub: 'machine', client_id: 'machine' });

  const { accessToken, prompts } = await new Browser('alice').authorize(metadata);
  check(`${alg} the user logs in and consents`, prompts, ['login', 'consent']);
  await accept(app, `${alg} authorization code token`, accessToken, { sub: 'alice', client_id: 'web' });
}

async function accept(app, what, token, { sub, client_id }) {
  const { status, challenge, user } = await app.ask(token);
  const found = { status, challenge, sub: user?.sub, client_id: user?.client_id };
  check(`${what} accepted, for the right subject and client`, found, { ...OK, sub, client_id });
}

async function refused(provider, app) {
  const { alg, metadata } = provider;
  // A client that is the API as well: the `aud` of its ID token is right, so only its type gives it away.
  const { accessToken, idToken } = await new Browser('alice').authorize(metadata, { clientId: RESOURCE });
  check(`${alg} the ID token has the audience of the API`, decode(idToken, 1).aud, RESOURCE);
  await answer(app, `${alg} no token`, undefined, NO_CREDENTIALS);
  const other = await clientCredentials(metadata, { resource: 'https://other.example.com/' });
  await answer(app, `${alg} token for another resource`, other, INVALID_TOKEN);
  await answer(app, `${alg} ID token as access token`, idToken, INVALID_TOKEN);
  await answer(app, `${alg} opaque access token`, await clientCredentials(metadata), INVALID_TOKEN);
  const bound = await boundToken(metadata, RESOURCE);
  await answer(app, `${alg} token bound to a key, sent without proof`, bound, INVALID_TOKEN);
  await answer(app, `${alg} token with one bit of the signature flipped`, flipSignatureBit(accessToken), INVALID_TOKEN);
  await answer(app, `${alg} the same token unspoilt`, accessToken, OK);
}

async function stepUp(provider, app) {
  const { alg, metadata } = provider;
  const alice = new Browser('alice');
  const transfer = (what, { accessToken }, expected) => (
    answer(app, `${alg} ${what}`, accessToken, expected, '/transfer', 'POST')
  );

  const old = await alice.authorize(metadata, { secondsAgo: HOUR });
  await answer(app, `${alg} login an hour ago, /hello`, old.accessToken, OK);
  await transfer('login an hour ago, /transfer', old, STEP_UP);

  // The provider still knows the user and asks nothing: a new token, but not a new authentication.
  const silent = await alice.authorize(metadata);
  check(`${alg} the provider renews without a login`, silent.prompts, []);
  await transfer('new token from the old login, /transfer', silent, STEP_UP);

  // What RFC 9470 asks the client to do: the `max_age` of the challenge goes into a new authorization request.
  const { challenge } = await app.ask(old.accessToken, '/transfer', 'POST');
  const [, maxAge] = challenge?.match(/max_age="(\d+)"/) ?? [];
  const recent = await alice.authorize(metadata, maxAge ? { max_age: maxAge } : {});
  check(`${alg} max_age of the challenge makes the user log in`, recent.prompts, ['login']);
  await transfer('new login by max_age, /transfer', recent, OK);

  await alice.authorize(metadata, { prompt: 'login', secondsAgo: HOUR });
  const again = await alice.authorize(metadata, { prompt: 'login' });
  check(`${alg} prompt=login makes the user log in`, again.prompts, ['login']);
  await transfer('new login by prompt=login, /transfer', again, OK);
}

/** A key comes, signs, and the former one goes, while requests keep coming. */
async function rotation(provider, app) {
  const { alg } = provider;
  const machine = () => clientCredentials(provider.metadata, { resource: RESOURCE });
  const stream = new Stream(app);
  try {
    stream.token('old', await machine());
    await stream.go(300);
    await provider.restart(['second', 'first']);
    const rotated = await machine();
    const differ = decode(rotated, 0).kid !== decode(stream.tokens.get('old'), 0).kid;
    check(`${alg} the provider signs with its new key`, differ, true);
    stream.token('new', rotated);
    await stream.go(1000);
    // The application may notice at any time from here on that the former key is gone.
    stream.tokens.delete('old');
    await provider.restart(['second']);
    stream.token('newest', await machine());
    await stream.go(700);
  } finally {
    await stream.end();
  }
  for (const [name, { sent, refused }] of stream.counts) {
    check(`${alg} key rotation, ${name} token: none of ${sent} requests refused`, refused, {});
  }
}

/** Requests without a pause, from several connections, with all tokens in turn. */
class Stream {
  tokens = new Map();
  counts = new Map();
  #stopped = false;

  constructor(app) {
    this.workers = [1, 2, 3, 4].map(() => this.#work(app));
  }

  token(name, token) {
    this.tokens.set(name, token);
    this.counts.set(name, { sent: 0, refused: {} });
  }

  /** For at least so long, and until there are enough requests to speak of. */
  async go(milliseconds) {
    await sleep(milliseconds);
    const enough = () => [...this.tokens.keys()].every((name) => this.counts.get(name).sent >= ENOUGH);
    await until('the stream of requests', 10, undefined, enough);
  }

  async end() {
    this.#stopped = true;
    await Promise.all(this.workers);
  }

  async #work(app) {
    while (!this.#stopped) {
      for (const [name, token] of [...this.tokens]) {
        const { status } = await app.ask(token);
        const count = this.counts.get(name);
        count.sent += 1;
        if (status !== 200) count.refused[status] = (count.refused[status] ?? 0) + 1;
      }
      await sleep(2);
    }
  }
}

/** The provider is gone; who has a token notices nothing. */
async function outage(provider, app) {
  const machine = () => clientCredentials(provider.metadata, { resource: RESOURCE });
  const before = await machine();
  await provider.kill();
  await answer(app, 'provider killed: token', before, OK);
  const quick = await Promise.all(Array.from({ length: 20 }, async () => (await app.ask(before)).status));
  check('provider killed: 20 requests at once', quick, Array(20).fill(200));
  // Back with yet another key: an outage must not keep the application from learning it.
  await provider.start(['third', 'second']);
  await answer(app, 'provider back: token from before', before, OK);
  await answer(app, 'provider back: new token under a new key', await machine(), OK);
}

async function startWithoutIssuer(provider, settings) {
  const token = await clientCredentials(provider.metadata, { resource: RESOURCE });
  await provider.kill();
  const app = await Application.start(program, settings);
  try {
    const without = 'started without the provider:';
    check(`${without} not ready`, (await app.ask(undefined, '/readyz')).status, 503);
    const { status, challenge, retryAfter } = await app.ask(token);
    const unavailable = { status: 503, challenge: null };
    check(`${without} a token is answered 503 without a challenge`, { status, challenge }, unavailable);
    // The seconds to the next attempt to fetch, which are never more than a minute.
    check(`${without} Retry-After of 1 to 60 s, here ${retryAfter}`, retryAfter >= 1 && retryAfter <= 60, true);
    await provider.start(['third', 'second']);
    // Only readiness is asked for: the application is to recover by itself, not because a token comes.
    const recovered = await until('recovery', 70, undefined, () => ready(app)).then(() => true, () => false);
    check('provider up: the application recovers by itself within 70 s', recovered, true);
    await answer(app, 'provider up: the same token', token, OK);
  } finally {
    await app.stop();
  }
}

async function expiring(provider, app) {
  const token = await clientCredentials(provider.metadata, { resource: `${RESOURCE}short` });
  await answer(app, 'token that lives one second', token, OK);
  return token;
}

async function expired(provider, app, token) {
  await sleep(Math.max(0, (decode(token, 1).exp + LEEWAY + 1) * 1000 - Date.now()));
  await answer(app, `the same token ${LEEWAY} s after its exp`, token, INVALID_TOKEN);
  const fresh = await clientCredentials(provider.metadata, { resource: RESOURCE });
  await answer(app, 'a fresh token at that time', fresh, OK);
}

async function ready(app) {
  return (await app.ask(undefined, '/readyz')).status === 200;
}

async function answer(app, what, token, expected, path, method) {
  const { status, challenge, error } = await app.ask(token, path, method);
  const meaning = expected.status === 200 ? 'accepted' : `answered ${expected.status}`;
  check(`${what}: ${meaning}`, { status, challenge, ...(error && { error }) }, expected);
}

function check(what, found, expected) {
  if (!isDeepStrictEqual(found, expected)) return fail(what, JSON.stringify(expected), JSON.stringify(found));
  passed += 1;
  console.log(`ok  ${what}`);
}

function fail(what, expected, found) {
  failed += 1;
  console.log(`FAIL ${what} expected ${expected} found ${found}`);
}

function finish() {
  if (failed > 0) console.log(logTails(state));
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed > 0 ? 1 : 0);
}

/** Part `index` of a JWT, unverified: 0 is the header, 1 the payload. */
function decode(token, index) {
  return JSON.parse(Buffer.from(token.split('.')[index], 'base64url'));
}

function flipSignatureBit(token) {
  const [header, payload, signature] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  // In the middle: the first bits of an ECDSA signature could leave the range of the curve, a refusal of another kind.
  bytes[bytes.length >> 1] ^= 1;
  return [header, payload, bytes.toString('base64url')].join('.');
}

await main();
