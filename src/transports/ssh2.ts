import type { Socket } from 'node:net';
import type {
  AnyAuthMethod,
  BaseAgent,
  Client,
  ConnectConfig,
  GetStreamCallback,
  IdentityCallback,
  OpenSSHAgent,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { type ConnectLimit, startLimit } from './connect-limit.ts';
import { checkHostKey, hostKeyAlgorithms, knownKeys, sshCommand } from './host-keys.ts';
import { type AgentKey, gatherIdentities, type Identity, type KeyTools } from './identities.ts';
import type { KnownKey } from './known-hosts.ts';
import { LoginAttempts } from './login-attempts.ts';
import { readSshSettings, type SshSettings } from './ssh-config.ts';
import { sshTransport } from './ssh-transport.ts';
import { connectTcp } from './tcp.ts';
import type { Endpoint, Transport } from './transport.ts';

type Library = typeof import('ssh2');

/** All that one attempt to connect knows on its way. */
interface Attempt {
  library: Library;
  settings: SshSettings;
  endpoint: Endpoint;
  limit: ConnectLimit;
  context: Context;
}

/**
 * Connects and logs in with the library `ssh2`, by the user's SSH configuration, known hosts, agent and keys. One try:
 * a login that failed is not repeated, since servers lock out who does that.
 */
export async function openSsh2(endpoint: Endpoint, context: Context): Promise<Result<Transport>> {
  let target = endpoint.host;
  const limit = startLimit(endpoint, () => target, context);
  try {
    const read = await readSshSettings(endpoint, limit);
    if (!read.ok) return read;
    const { settings, note } = read.value;
    if (note !== null) context.emit({ kind: 'note', site: endpoint.site, text: note });
    target = `${settings.user}@${settings.hostname}:${settings.port}`;
    if (settings.proxy !== null) return failed(proxyRefused(settings.proxy, endpoint, limit));
    context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: target });
    // Under way while the library loads, which takes as long as a near server needs to greet us.
    const connecting = connectTcp(settings, limit);
    const { default: library } = await import('ssh2');
    return await logInOver(connecting, { library, settings, endpoint, limit, context }, target);
  } finally {
    limit.end();
  }
}

function proxyRefused(proxy: string, endpoint: Endpoint, limit: ConnectLimit): Failure {
  const reason = `the SSH configuration sends this host through a proxy (${proxy}), which is not supported`;
  return limit.unreachable('configuration', reason, `See: ${sshCommand(endpoint, '-G')}`);
}

async function logInOver(
  connecting: Promise<Result<Socket>>,
  attempt: Attempt,
  target: string,
): Promise<Result<Transport>> {
  const { library, settings, endpoint, limit, context } = attempt;
  const tools = keyTools(library, limit);
  const [tcp, known, offer] = await Promise.all([
    connecting,
    knownKeys(settings, limit),
    gatherIdentities(settings, tools),
  ]);
  if (!tcp.ok) return tcp;
  if (!known.ok || limit.signal.aborted) {
    tcp.value.destroy();
    return known.ok ? failed(limit.failure()) : known;
  }
  for (const what of offer.unusable) {
    context.emit({ kind: 'note', site: endpoint.site, text: `not used to log in: ${what}` });
  }
  const attempts = new LoginAttempts({ ...offer, endpoint, user: settings.user }, tools, context.ask, limit);
  context.emit({ kind: 'step', site: endpoint.site, step: 'handshake', detail: target });
  const client = await logIn(attempt, tcp.value, known.value, attempts);
  if (client.ok) return ok(sshTransport({ client: client.value, socket: tcp.value, target, site: endpoint.site }));
  tcp.value.destroy();
  return client;
}

/** Shakes hands, checks the host key, logs in. The caller destroys the socket of a failure. */
function logIn(
  attempt: Attempt,
  socket: Socket,
  known: readonly KnownKey[],
  attempts: LoginAttempts,
): Promise<Result<Client>> {
  const { library, limit } = attempt;
  const client = new library.Client();
  limit.stage = 'handshake';
  return new Promise((resolve) => {
    const settle = (result: Result<Client>) => {
      limit.signal.removeEventListener('abort', stop);
      resolve(result);
    };
    const stop = () => settle(failed(limit.failure()));
    limit.signal.addEventListener('abort', stop, { once: true });
    client.once('handshake', () => {
      limit.stage = 'login';
    });
    client.once('ready', () => settle(ok(client)));
    // Never removed: an `error` without a listener ends the process.
    client.on('error', (error) => {
      if (!concernsOneKey(error)) settle(failed(explain(error, attempt, attempts)));
    });
    client.once('close', () => settle(failed(explain(new Error('the connection was closed'), attempt, attempts))));
    try {
      client.connect({
        ...connectConfig(attempt, socket, known, (failure) => settle(failed(failure))),
        authHandler: authHandler(attempt, attempts),
      });
    } catch (error) {
      settle(failed(limit.unreachable('handshake', error instanceof Error ? error.message : String(error))));
    }
  });
}

function connectConfig(
  attempt: Attempt,
  socket: Socket,
  known: readonly KnownKey[],
  refuse: (failure: Failure) => void,
): ConnectConfig {
  const fastest = 'aes128-gcm@openssh.com';
  return {
    sock: socket,
    username: attempt.settings.user,
    hostVerifier: hostVerifier(attempt, known, refuse),
    algorithms: {
      serverHostKey: hostKeyAlgorithms(known),
      // Taken out and put first: where it is in the list already, ssh2 would leave it in its place.
      cipher: { remove: fastest, prepend: fastest, append: [] },
    },
    // Its clock also runs while a person types; `ConnectLimit` is ours.
    readyTimeout: 0,
    keepaliveInterval: 15_000,
    keepaliveCountMax: 3,
  };
}

/** ssh2 asks at the handshake, before any login, and again at every new exchange of keys. */
function hostVerifier(
  { settings, endpoint, limit, context }: Attempt,
  known: readonly KnownKey[],
  refuse: (failure: Failure) => void,
): (key: Buffer, verify: (isRight: boolean) => void) => void {
  let accepted: Buffer | null = null;
  return (shown, verify) => {
    const key = Buffer.from(shown);
    if (accepted !== null) {
      verify(accepted.equals(key));
      return;
    }
    void checkHostKey({ settings, endpoint, known }, key, limit, context).then((checked) => {
      if (!checked.ok) {
        refuse(checked.failure);
        return;
      }
      accepted = key;
      verify(true);
    });
  };
}

function authHandler({ library, settings, limit }: Attempt, attempts: LoginAttempts) {
  const username = settings.user;
  // `methods` is null until the server has refused something that is no key of an agent, whatever the types say.
  return (methods: readonly string[] | null): AnyAuthMethod | false => {
    const next = attempts.next(methods);
    if (next === null) return false;
    if (next === 'ask server') return { type: 'none', username };
    const agent = soleIdentity(library, next, settings.agentSocket, attempts, limit);
    const method = { type: 'agent' as const, username, agent };
    return method;
  };
}

/**
 * One identity as an agent. ssh2 asks an agent for a signature only after the server said that it takes the key, so a
 * passphrase is asked for only where it is of use.
 */
function soleIdentity(
  library: Library,
  identity: Identity,
  socket: string | null,
  attempts: LoginAttempts,
  limit: ConnectLimit,
): BaseAgent {
  const open = async () => {
    const key = identity.kind === 'agent' ? null : await attempts.open(identity);
    if (key === null) throw new Error('not opened');
    return key;
  };
  class SoleIdentity extends library.BaseAgent<Buffer> {
    override getIdentities(done: IdentityCallback<Buffer>): void {
      if (identity.publicKey !== null) done(null, [identity.publicKey]);
      else void open().then((key) => done(null, [key.getPublicSSH()]), done);
    }

    override sign(key: Buffer, data: Buffer, options: SigningRequestOptions | SignCallback, then?: SignCallback): void {
      const caller = typeof options === 'function' ? options : then;
      const how = typeof options === 'function' ? {} : options;
      const done: SignCallback = (error, signature) => {
        if (signature !== undefined) attempts.accepted(identity);
        caller?.(error, signature);
      };
      if (identity.kind === 'agent' && socket !== null) reachAgent(library, socket, limit).sign(key, data, how, done);
      else void open().then((own) => tell(own.sign(data, how.hash), done), done);
    }
  }
  return new SoleIdentity();
}

function tell(signature: Buffer | Error, done: SignCallback): void {
  if (signature instanceof Error) done(signature);
  else done(null, signature);
}

function keyTools(library: Library, limit: ConnectLimit): KeyTools {
  return {
    parse: (text, passphrase) => library.utils.parseKey(text, passphrase),
    agentKeys: (socket) =>
      new Promise((resolve, reject) => {
        reachAgent(library, socket, limit).getIdentities((error, keys) => {
          if (error) reject(error);
          // What the types call an entry is always a parsed key in ssh2 1.17.
          else resolve((keys ?? []).flatMap((key) => ('getPublicSSH' in key ? [agentKey(key)] : [])));
        });
      }),
  };
}

function agentKey(key: ParsedKey): AgentKey {
  return { publicKey: key.getPublicSSH(), comment: key.comment || key.type };
}

/** The agent, whose connections are closed when the attempt is over: one that never answers must not keep us. */
function reachAgent(library: Library, path: string, limit: ConnectLimit): OpenSSHAgent {
  class LimitedAgent extends library.OpenSSHAgent {
    override getStream(done: GetStreamCallback): void {
      super.getStream((error, stream) => {
        if (stream) limit.signal.addEventListener('abort', () => stream.destroy(), { once: true });
        done(error, stream);
      });
    }
  }
  return new LimitedAgent(path);
}

const allFailed = 'All configured authentication methods failed';

/** ssh2 also emits an `error` where it goes on with the next key. */
function concernsOneKey(error: Error & { level?: string }): boolean {
  return error.level === 'agent' || (error.level === 'client-authentication' && error.message !== allFailed);
}

function explain(error: Error, { endpoint, limit }: Attempt, attempts: LoginAttempts): Failure {
  if (limit.stage === 'login') return attempts.failure(error.message === allFailed ? null : error.message);
  if (error.message === 'Connection lost before handshake') {
    const reason =
      'the server closed the connection before the handshake: it has too many at once (MaxStartups), or shuts this address out for a while';
    return limit.unreachable('handshake', reason, 'Wait some minutes before you try again.');
  }
  const missing = /no matching (.+)/.exec(error.message)?.[1];
  if (missing === undefined) return limit.unreachable('handshake', error.message);
  const reason = `the server and this program have no ${missing} in common`;
  return limit.unreachable('handshake', reason, `See what it wants: ${sshCommand(endpoint, '-v')}`);
}
