// The OpenID provider of this test: `oidc-provider` itself, configured, with a login page in front.
//
// It is a process of its own, so that it can be killed and started again the way a real one is. Every token and every
// key comes from it; the private keys lie in its state directory and survive a restart.
//
// Usage: node provider.mjs '{"port":…,"alg":"RS256","keys":["a"],"state":"directory"}'
// `keys` names the signing keys in the order of the JWK Set; the provider signs with the first.
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import Provider from 'oidc-provider';

const { port, alg, keys, state } = JSON.parse(process.argv[2]);

const KEY_TYPES = {
  RS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  EdDSA: ['ed25519'],
};

/** What each resource of the `resource` parameter (RFC 8707) gets; the token's `aud` is the resource unless given. */
const RESOURCES = {
  'https://api.example.com/': {},
  'https://other.example.com/': {},
  // The API again, with tokens that live one second: by the time the leeway is over they must be refused.
  'https://api.example.com/short': { audience: 'https://api.example.com/', accessTokenTTL: 1 },
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: {
    // The encryption key is what many providers publish beside the signing keys. It signs nothing.
    keys: [...keys.map((name) => key(`${alg}-${name}`, alg, 'sig')), key('encryption', 'RS256', 'enc')],
  },
  clientDefaults: { id_token_signed_response_alg: alg },
  clients: [
    {
      client_id: 'machine',
      client_secret: 'a secret for this test only',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    },
    ...['web', 'https://api.example.com/'].map((client_id) => ({
      // A public client: what protects its code is PKCE, which oidc-provider then requires.
      client_id,
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code'],
      redirect_uris: ['https://client.example.com/callback'],
    })),
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true },
    encryption: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_ctx, resource) => ({
        scope: 'api:read',
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg } },
        ...RESOURCES[resource],
      }),
    },
  },
  // `auth_time` belongs to the session; the authorization code carries it to the token endpoint.
  extraTokenClaims: (ctx) => {
    const authTime = ctx.oidc.entities.AuthorizationCode?.authTime;
    return authTime === undefined ? undefined : { auth_time: authTime };
  },
  findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  cookies: { keys: ['a cookie key for this test only'] },
});

provider.on('server_error', (_ctx, error) => console.error(error));

const oidc = provider.callback();
createServer((request, response) => {
  if (!request.url.startsWith('/interaction/')) return oidc(request, response);
  return interaction(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end(String(error));
  });
}).listen(port, '127.0.0.1');

/** The login and the consent page: GET shows the form, POST takes it. */
async function interaction(request, response) {
  const details = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    response.writeHead(200, { 'content-type': 'text/html' }).end(page(details));
    return;
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const finish = details.prompt.name === 'login' ? login : consent;
  await provider.interactionFinished(request, response, await finish(new URLSearchParams(body), details));
}

function page({ uid, prompt }) {
  const fields = prompt.name === 'login'
    ? '<input name="account"><input name="seconds_ago" value="0">'
    : '<input type="hidden" name="consent" value="yes">';
  return `<form method="post" action="/interaction/${uid}" data-prompt="${prompt.name}">${fields}</form>`;
}

/** `seconds_ago` is for this test only: it makes a login that lies in the past, as a long session would have it. */
function login(form) {
  const now = Math.floor(Date.now() / 1000);
  return { login: { accountId: form.get('account'), ts: now - Number(form.get('seconds_ago')) } };
}

/** Grants all that was asked for. */
async function consent(_form, { prompt, params, session, grantId }) {
  const grant = grantId
    ? await provider.Grant.find(grantId)
    : new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(' '));
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

/** The private key `name`, made on first use. Its `kid` is the one oidc-provider derives. */
function key(name, keyAlg, use) {
  const file = join(state, `${name}.json`);
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync(...KEY_TYPES[keyAlg]);
    writeFileSync(file, JSON.stringify({ ...privateKey.export({ format: 'jwk' }), use }), { mode: 0o600 });
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}
