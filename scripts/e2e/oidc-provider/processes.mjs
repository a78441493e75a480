// The two programs under test as child processes: the provider and the sample application.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const running = new Set();

/** The last thing this process does, whichever way it ends. A signal would otherwise end it without the event. */
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));

/**
 * A port that was free a moment ago. It lies below those that the system gives to outgoing connections and to
 * whoever asks for any port: one of them could take it before the program that is to listen there does.
 */
export async function freePort() {
  for (;;) {
    const server = createServer().listen(randomInt(10_000, firstEphemeral()), '127.0.0.1');
    try {
      await once(server, 'listening');
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
      continue;
    }
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
  }
}

function firstEphemeral() {
  const range = '/proc/sys/net/ipv4/ip_local_port_range';
  const first = existsSync(range) ? Number.parseInt(readFileSync(range, 'utf8'), 10) : 32_768;
  return Math.max(first, 11_000);
}

/** The provider, on one port for as many starts as wanted. */
export class Provider {
  #child;
  #settings;

  constructor(port, alg, state) {
    this.issuer = `http://127.0.0.1:${port}`;
    this.alg = alg;
    this.#settings = { port, alg, state };
  }

  /** Starts with the signing keys named, in that order, and waits until discovery answers. */
  async start(keys) {
    const { state } = this.#settings;
    const settings = JSON.stringify({ ...this.#settings, keys });
    this.#child = run(process.execPath, ['provider.mjs', settings], join(state, 'provider.log'));
    const discovery = `${this.issuer}/.well-known/openid-configuration`;
    await until('the provider answers', 15, this.#child, async () => (await fetch(discovery)).ok);
    this.metadata = await (await fetch(discovery)).json();
  }

  /** Without a chance to say goodbye. */
  async kill() {
    await stop(this.#child);
  }

  async restart(keys) {
    await this.kill();
    await this.start(keys);
  }

  /** The JWK Set as published. */
  async keys() {
    return (await (await fetch(this.metadata.jwks_uri)).json()).keys;
  }
}

/** The sample application in front of `issuer`. */
export class Application {
  #child;

  static async start(program, { issuer, audience, state }) {
    const port = await freePort();
    const app = new Application();
    app.origin = `http://127.0.0.1:${port}`;
    const options = ['--issuer', issuer, '--audience', audience, '--listen', `127.0.0.1:${port}`];
    app.#child = run(program, ['demo', ...options], join(state, 'application.log'));
    // It listens when it answers anything: without keys it is not ready, and says so.
    await until('the application listens', 15, app.#child, () => fetch(`${app.origin}/readyz`));
    return app;
  }

  /** What the application answers to a request with this access token; `status` is 0 if it does not answer. */
  async ask(token, path = '/hello', method = 'GET') {
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    try {
      const response = await fetch(this.origin + path, { method, headers, signal: AbortSignal.timeout(10_000) });
      const body = await response.text();
      return {
        status: response.status,
        challenge: response.headers.get('www-authenticate'),
        retryAfter: response.headers.get('retry-after'),
        user: response.status === 200 && path === '/hello' ? JSON.parse(body).user_data : undefined,
      };
    } catch (error) {
      return { status: 0, challenge: null, error: String(error.cause ?? error) };
    }
  }

  async stop() {
    await stop(this.#child);
  }
}

/** Polls until `condition` is truthy, at most so many seconds; an exception counts as "not yet". */
export async function until(what, seconds, child, condition) {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    if (child && ended(child)) throw new Error(`${what}: it ended with ${child.signalCode ?? child.exitCode}`);
    if (await Promise.resolve().then(condition).catch(() => false)) return;
    await sleep(100);
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

/** The ends of all logs: what a person wants to see first when a check failed. */
export function logTails(state) {
  const logs = readdirSync(state, { recursive: true }).filter((name) => name.endsWith('.log'));
  return logs.map((name) => {
    const lines = readFileSync(join(state, name), 'utf8').trimEnd().split('\n');
    return [`--- the end of ${join(state, name)}`, ...lines.slice(-40)].join('\n');
  }).join('\n');
}

function run(program, options, log) {
  const output = openSync(log, 'a');
  const child = spawn(program, options, { stdio: ['ignore', output, output] });
  running.add(child);
  child.on('error', (error) => console.log(`cannot start ${program}: ${error.message}`));
  child.on('exit', () => running.delete(child));
  return child;
}

async function stop(child) {
  if (!child || ended(child)) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function ended(child) {
  return child.exitCode !== null || child.signalCode !== null;
}
