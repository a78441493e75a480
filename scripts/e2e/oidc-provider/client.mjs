// An OAuth client and the browser of its user, over plain HTTP.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

export const RESOURCE = 'https://api.example.com/';

const MACHINE = `Basic ${Buffer.from('machine:a+secret+for+this+test+only').toString('base64')}`;
const CALLBACK = 'https://client.example.com/callback';

/** A token for the client itself; without a resource it is opaque (good for the provider's own endpoints only). */
export async function clientCredentials(metadata, { resource, headers } = {}) {
  const form = { grant_type: 'client_credentials', ...(resource && { resource, scope: 'api:read' }) };
  return (await token(metadata, form, { authorization: MACHINE, ...headers })).access_token;
}

/** The same, bound to a key (RFC 9449): only with a proof by that key may it be used. */
export async function boundToken(metadata, resource) {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) };
  const iat = Math.floor(Date.now() / 1000);
  const claims = { jti: random(), htm: 'POST', htu: metadata.token_endpoint, iat };
  const input = [header, claims].map((part) => base64url(JSON.stringify(part))).join('.');
  const signature = sign('sha256', input, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const headers = { dpop: `${input}.${base64url(signature)}` };
  return clientCredentials(metadata, { resource, headers });
}

/** One user's browser: it keeps its cookies, follows redirects and fills in the provider's forms. */
export class Browser {
  #cookies = new Map();

  constructor(account) {
    this.account = account;
  }

  /**
   * The authorization code flow with PKCE, for the client `clientId`. `request` adds parameters to the authorization
   * request (`prompt`, `max_age`); `secondsAgo` is how long ago the user is to have logged in, if a login is asked for.
   */
  async authorize(metadata, { clientId = 'web', secondsAgo = 0, ...request } = {}) {
    const verifier = random();
    const state = random();
    const client = { client_id: clientId, redirect_uri: CALLBACK, resource: RESOURCE };
    const { callback, prompts } = await this.#visit(metadata.authorization_endpoint, secondsAgo, {
      ...client,
      response_type: 'code',
      scope: 'openid api:read',
      state,
      code_challenge: base64url(createHash('sha256').update(verifier).digest()),
      code_challenge_method: 'S256',
      ...request,
    });
    const code = callback.searchParams.get('code');
    if (!code || callback.searchParams.get('state') !== state) throw new Error(`no code: ${callback}`);
    const form = { ...client, grant_type: 'authorization_code', code, code_verifier: verifier };
    const { access_token: accessToken, id_token: idToken } = await token(metadata, form);
    return { accessToken, idToken, prompts };
  }

  /** From the authorization endpoint to the client's callback, through the pages the provider shows (`prompts`). */
  async #visit(endpoint, secondsAgo, parameters) {
    let url = new URL(`${endpoint}?${new URLSearchParams(parameters)}`);
    let form;
    const prompts = [];
    for (let steps = 0; steps < 20; steps += 1) {
      const response = await this.#load(url, form);
      form = undefined;
      const location = response.headers.get('location');
      if (location) {
        url = new URL(location, url);
        if (url.href.startsWith(CALLBACK)) return { callback: url, prompts };
      } else {
        const page = await response.text();
        const [, action, prompt] = page.match(/<form [^>]*action="([^"]+)" data-prompt="([^"]+)"/) ?? [];
        if (!action) throw new Error(`${url.pathname} answered ${response.status}: ${page.slice(0, 300)}`);
        prompts.push(prompt);
        form = this.#fill(page, { account: this.account, seconds_ago: String(secondsAgo) });
        url = new URL(action, url);
      }
    }
    throw new Error(`no end of redirects at ${url}`);
  }

  async #load(url, form) {
    const cookies = [...this.#cookies.values()].filter(({ path }) => url.pathname.startsWith(path));
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form,
      headers: { cookie: cookies.map(({ pair }) => pair).join('; ') },
      redirect: 'manual',
      signal: AbortSignal.timeout(10_000),
    });
    for (const line of response.headers.getSetCookie()) this.#keep(line);
    return response;
  }

  #keep(line) {
    const [pair, ...attributes] = line.split(/; */);
    const attribute = (name) => attributes.find((text) => text.startsWith(`${name}=`))?.slice(name.length + 1);
    const path = attribute('path') ?? '/';
    const id = `${pair.split('=')[0]} ${path}`;
    const expires = attribute('expires');
    if (expires && Date.parse(expires) <= Date.now()) this.#cookies.delete(id);
    else this.#cookies.set(id, { pair, path });
  }

  /** Every field of the form with the value it has, or what the user types into it. */
  #fill(page, typed) {
    const inputs = page.matchAll(/<input [^>]*name="([^"]+)"(?: value="([^"]*)")?/g);
    return new URLSearchParams([...inputs].map(([, name, value]) => [name, typed[name] ?? value ?? '']));
  }
}

async function token(metadata, form, headers = {}) {
  const signal = AbortSignal.timeout(10_000);
  const body = new URLSearchParams(form);
  const response = await fetch(metadata.token_endpoint, { method: 'POST', body, headers, signal });
  const answer = await response.json();
  if (!response.ok) throw new Error(`the provider refused a token: ${JSON.stringify(answer)}`);
  return answer;
}

function random() {
  return base64url(randomBytes(32));
}

function base64url(bytes) {
  return Buffer.from(bytes).toString('base64url');
}
