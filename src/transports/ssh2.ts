import type { Duplex } from 'node:stream';
import type { AnyAuthMethod, Client, ConnectConfig, NextAuthHandler, Prompt } from 'ssh2';
import type { Ask, Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { type ConnectLimit, startLimit } from './connect-limit.ts';
import { checkHostKey, hostKeyAlgorithms, knownKeys, sshCommand } from './host-keys.ts';
import { gatherIdentities } from './identities.ts';
import type { KnownKey } from './known-hosts.ts';
import { LoginAttempts, takeOpenssh } from './login-attempts.ts';
import type { LoginBrake, LoginEnd, PersonNeeded } from './login-brake.ts';
import { askPerson, type ServerHeading } from './login-questions.ts';
import { type ReadSettings, readSshSettings, type SshSettings } from './ssh-config.ts';
import { type SshConnection, sshTransport } from './ssh-transport.ts';
import { keyTools, type Library, soleIdentity } from './ssh2-keys.ts';
import { connectTcp } from './tcp.ts';
import type { Endpoint, Transport } from './transport.ts';
import { openTunnel } from './tunnel.ts';

/** A host on the way, or the one that it leads to, and how far the login there has come. */
interface Hop {
  library: Library;
  settings: SshSettings;
  /** As the configuration knows it. */
  endpoint: Endpoint;
  /** For messages: `ada@login.example.org:22`. */
  target: string;
  limit: ConnectLimit;
  context: Context;
  /** Asks only while the connection is there. */
  ask: Ask | null;
  /** The server has refused all that there was to give. */
  isRefused: boolean;
  /** The person gave no answer. */
  isDeclined: boolean;
  /** What a person gave, or would have to, here or on the way here. */
  person: PersonNeeded | null;
}

/**
 * Connects and logs in with the library `ssh2`, by the user's SSH configuration, known hosts, agent and keys, through the
 * jump hosts it names: one TCP connection, to the first of them. One try: a login that failed is not repeated, since servers
 * lock out who does that. `known` is what `ssh -G` said, where it was asked before.
 */
export async function openSsh2(
  endpoint: Endpoint,
  known: ReadSettings | null,
  brake: LoginBrake,
  context: Context,
): Promise<Result<Transport>> {
  let target = endpoint.host;
  const limit = startLimit(endpoint, () => target, context);
  try {
    const read = known ?? (await readSshSettings(endpoint, limit));
    if (!read.ok) return read;
    const { settings, note } = read.value;
    if (note !== null) context.emit({ kind: 'note', site: endpoint.site, text: note });
    target = targetOf(settings);
    const way = wayTo(endpoint, settings);
    const command = proxyCommandOn(way);
    if (command !== null) return failed(proxyRefused(command, endpoint, limit));
    const held = await brake.holds();
    if (held !== null) return failed(held);
    const pass = (hop: Place) => {
      target = targetOf(hop.settings);
    };
    return await logInAlong(way, { endpoint, limit, context, pass }, brake);
  } finally {
    limit.end();
  }
}

/** A host by its name in the configuration, and what that says of it. */
type Place = Pick<Hop, 'endpoint' | 'settings'>;

/** The jump hosts, the first to connect to first, and the host itself. */
function wayTo(endpoint: Endpoint, settings: SshSettings): Place[] {
  const jumps = settings.jumps.map((jump) => ({
    endpoint: { ...endpoint, ...jump.name, identityFile: null },
    settings: jump.settings,
  }));
  return [...jumps, { endpoint, settings }];
}

/** A `ProxyCommand` on the way; with a `ProxyJump` a host has none. */
function proxyCommandOn(way: readonly Place[]): string | null {
  const lines = way.map(({ settings }) => settings.proxy);
  return lines.find((line) => line?.startsWith('ProxyCommand ') === true) ?? null;
}

function proxyRefused(proxy: string, { site }: Endpoint, limit: ConnectLimit): Failure {
  const reason = `the SSH configuration has \`${proxy}\`, which the transport ssh2 cannot do`;
  return limit.unreachable('configuration', reason, `Type: ${takeOpenssh(site)}`);
}

function targetOf({ user, hostname, port }: SshSettings): string {
  return `${user}@${hostname}:${port}`;
}

/** What the whole way has in common. */
interface Journey {
  endpoint: Endpoint;
  limit: ConnectLimit;
  context: Context;
  /** Messages are about this host from here on. */
  pass(place: Place): void;
}

async function logInAlong(way: readonly Place[], journey: Journey, brake: LoginBrake): Promise<Result<Transport>> {
  const { limit, context, pass } = journey;
  let through: HopConnection | null = null;
  let person: PersonNeeded | null = null;
  for (const place of way) {
    pass(place);
    const target = targetOf(place.settings);
    context.emit({ kind: 'step', site: journey.endpoint.site, step: 'connect', detail: target });
    // Under way while the library loads, which takes as long as a near server needs to greet us.
    const connecting: Promise<Result<Duplex>> =
      through === null
        ? connectTcp(place.settings, limit, place.endpoint.address)
        : openTunnel(through.client, through.target, place.settings, limit);
    const { default: library } = await import('ssh2');
    const soFar = { ask: null, isRefused: false, isDeclined: false, person };
    const hop: Hop = { library, ...place, target, limit, context, ...soFar };
    const opened: Result<HopConnection> = await logInOver(connecting, hop, through);
    person = hop.person;
    const end = loginEnd(opened, hop);
    const isLast = place === way.at(-1);
    if (end !== null && (isLast || !opened.ok)) await brake.learn(end);
    if (!opened.ok) {
      endAll(through);
      return opened;
    }
    through = opened.value;
  }
  return through === null ? failed(limit.failure()) : ok(sshTransport(through));
}

/** Ends every connection on the way at once: nobody is logged in to take leave of. */
function endAll(connection: SshConnection | null): void {
  connection?.socket.destroy();
  if (connection !== null) endAll(connection.through);
}

/** What a try is to be remembered as; null: it never came to a handshake, or ended on our side. */
function loginEnd(opened: Result<unknown>, hop: Hop): LoginEnd | null {
  const { limit, isRefused, isDeclined, context, person } = hop;
  if (opened.ok) return { kind: 'logged in', person };
  const { failure } = opened;
  if (context.signal.aborted || isDeclined || (limit.stage !== 'handshake' && limit.stage !== 'login')) return null;
  if (isRefused) {
    return {
      kind: 'refused',
      reason: refusalReason(failure),
      person: failure.kind === 'needs-terminal' ? person : null,
    };
  }
  return failure.kind === 'unreachable' ? { kind: 'dropped', reason: failure.reason } : null;
}

function refusalReason(failure: Failure): string {
  if (failure.kind === 'needs-terminal') return `${failure.what} is needed, and nobody was there to ask`;
  return 'reason' in failure ? failure.reason : failure.kind;
}

/** A connection that leads on, or runs commands. */
interface HopConnection extends SshConnection {
  client: Client;
}

async function logInOver(
  connecting: Promise<Result<Duplex>>,
  hop: Hop,
  through: SshConnection | null,
): Promise<Result<HopConnection>> {
  const { library, settings, endpoint, target, limit, context } = hop;
  const tools = keyTools(library, limit);
  const [socket, known, offer] = await Promise.all([
    connecting,
    knownKeys(settings, limit),
    gatherIdentities(settings, tools),
  ]);
  if (!socket.ok) return socket;
  if (!known.ok || limit.signal.aborted) {
    socket.value.destroy();
    return known.ok ? failed(limit.failure()) : known;
  }
  for (const what of offer.unusable) {
    context.emit({ kind: 'note', site: endpoint.site, text: `not used to log in: ${what}` });
  }
  const needsOpenssh = offer.needsOpenssh || settings.beyondSsh2.length > 0;
  hop.ask = askWhileOpen(context.ask, socket.value);
  const attempts = new LoginAttempts({ ...offer, needsOpenssh, endpoint, user: settings.user }, tools, hop.ask, limit);
  context.emit({ kind: 'step', site: endpoint.site, step: 'handshake', detail: target });
  const client = await logIn(hop, socket.value, known.value, attempts);
  hop.person = attempts.personNeeded() ?? hop.person;
  if (client.ok) return ok({ client: client.value, socket: socket.value, target, site: endpoint.site, through });
  socket.value.destroy();
  return client;
}

/** A server that hangs up while a person types takes its question back. */
function askWhileOpen(ask: Ask | null, socket: Duplex): Ask | null {
  if (ask === null) return null;
  const closed = new AbortController();
  socket.once('close', () => closed.abort());
  return (question) => ask({ ...question, until: closed.signal });
}

/** Shakes hands, checks the host key, logs in. The caller destroys the socket of a failure. */
function logIn(hop: Hop, socket: Duplex, known: readonly KnownKey[], attempts: LoginAttempts): Promise<Result<Client>> {
  const { library, limit } = hop;
  const client = new library.Client();
  limit.stage = 'handshake';
  return new Promise((resolve) => {
    const settle = (result: Result<Client>) => {
      limit.signal.removeEventListener('abort', stop);
      resolve(result);
    };
    const refuse = (failure: Failure) => settle(failed(failure));
    const stop = () => refuse(limit.failure());
    limit.signal.addEventListener('abort', stop, { once: true });
    client.once('handshake', () => {
      limit.stage = 'login';
    });
    client.once('ready', () => settle(ok(client)));
    // Never removed: an `error` without a listener ends the process.
    client.on('error', (error) => {
      if (!concernsOneKey(error)) refuse(explain(error, hop, attempts));
    });
    client.once('close', () => refuse(explain(new Error('the connection was closed'), hop, attempts)));
    client.once('change password', () => refuse(passwordIsOld(hop)));
    try {
      client.connect({
        ...connectConfig(hop, socket, known, refuse),
        authHandler: authHandler(hop, attempts, refuse),
      });
    } catch (error) {
      refuse(limit.unreachable('handshake', error instanceof Error ? error.message : String(error)));
    }
  });
}

function passwordIsOld({ endpoint, settings, limit }: Hop): Failure {
  const reason = `the password of user ${settings.user} is too old: the server wants a new one`;
  return limit.unreachable('login', reason, `Type: ${sshCommand(endpoint)}`);
}

// Without settings of the user's: what does not answer is found after 15 to 60 s.
const keepaliveSeconds = 15;

function connectConfig(
  hop: Hop,
  socket: Duplex,
  known: readonly KnownKey[],
  refuse: (failure: Failure) => void,
): ConnectConfig {
  const fastest = 'aes128-gcm@openssh.com';
  const { settings } = hop;
  return {
    // The types ask for more than ssh2 1.17 needs, which is a stream.
    sock: socket as NonNullable<ConnectConfig['sock']>,
    username: settings.user,
    hostVerifier: hostVerifier(hop, known, refuse),
    algorithms: {
      serverHostKey: hostKeyAlgorithms(known),
      // Taken out and put first: where it is in the list already, ssh2 would leave it in its place.
      cipher: { remove: fastest, prepend: fastest, append: [] },
    },
    // Its clock also runs while a person types; `ConnectLimit` is ours.
    readyTimeout: 0,
    keepaliveInterval: 1000 * (settings.keepaliveSeconds || keepaliveSeconds),
    keepaliveCountMax: settings.keepaliveCount,
  };
}

/** ssh2 asks at the handshake, before any login, and again at every new exchange of keys. */
function hostVerifier(
  { settings, endpoint, limit, context, ask }: Hop,
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
    void checkHostKey({ settings, endpoint, known }, key, limit, { ...context, ask }).then((checked) => {
      if (!checked.ok) {
        refuse(checked.failure);
        return;
      }
      accepted = key;
      verify(true);
    });
  };
}

function authHandler(hop: Hop, attempts: LoginAttempts, refuse: (failure: Failure) => void) {
  const { library, settings, limit } = hop;
  const username = settings.user;
  // `methods` is null until the server has refused something that is no key of an agent, whatever the types say; so is
  // what tells of a partial success.
  return (
    methods: readonly string[] | null,
    isPartial: boolean | null,
    go: NextAuthHandler,
  ): AnyAuthMethod | false | undefined => {
    const next = attempts.next(methods, isPartial === true);
    if (next === null) return false;
    if (next === 'ask server') return { type: 'none', username };
    if (next === 'keyboard-interactive') return { type: next, username, prompt: answerer(hop, attempts, refuse) };
    if (next === 'password') {
      void givePassword(hop, attempts, refuse, (password) => go({ type: 'password', username, password }));
      return undefined;
    }
    const agent = soleIdentity(library, next, settings.agentSocket, attempts, limit);
    return { type: 'agent', username, agent };
  };
}

/** Answers the rounds of questions of one login. */
function answerer(hop: Hop, attempts: LoginAttempts, refuse: (failure: Failure) => void) {
  return (
    name: string,
    instructions: string,
    _language: string,
    prompts: Prompt[],
    done: (answers: string[]) => void,
  ) => {
    void answersOf(prompts, { name, instructions }, hop, attempts, refuse, done);
  };
}

async function givePassword(
  hop: Hop,
  attempts: LoginAttempts,
  refuse: (failure: Failure) => void,
  give: (password: string) => void,
): Promise<void> {
  const prompts = [{ prompt: 'Password:', echo: false }];
  await answersOf(prompts, { name: '', instructions: '' }, hop, attempts, refuse, ([password = '']) => give(password));
}

async function answersOf(
  prompts: readonly Prompt[],
  heading: ServerHeading,
  hop: Hop,
  attempts: LoginAttempts,
  refuse: (failure: Failure) => void,
  done: (answers: string[]) => void,
): Promise<void> {
  const { ask, settings, limit } = hop;
  const asker = `${settings.user}@${settings.hostname}`;
  const answers = ask === null ? null : await askPerson(prompts, heading, { ask, asker, limit });
  if (answers !== null) {
    attempts.answered();
    done(answers);
    return;
  }
  hop.isDeclined = true;
  refuse(limit.signal.aborted ? limit.failure() : attempts.declined());
}

const allFailed = 'All configured authentication methods failed';

/** ssh2 also emits an `error` where it goes on with the next key. */
function concernsOneKey(error: Error & { level?: string }): boolean {
  return error.level === 'agent' || (error.level === 'client-authentication' && error.message !== allFailed);
}

function explain(error: Error, hop: Hop, attempts: LoginAttempts): Failure {
  const { endpoint, limit } = hop;
  hop.isRefused ||= limit.stage === 'login' && error.message === allFailed;
  if (limit.stage === 'login') return attempts.failure(error.message === allFailed ? null : error.message);
  // The second is the same, where the server closed with something of ours unread.
  if (error.message === 'Connection lost before handshake' || error.message === 'read ECONNRESET') {
    const reason =
      'the server closed the connection before the handshake: it has too many at once (MaxStartups), or shuts this address out for a while';
    return limit.unreachable('handshake', reason, 'Wait some minutes before you try again.');
  }
  const missing = /no matching (.+)/.exec(error.message)?.[1];
  if (missing === undefined) return limit.unreachable('handshake', error.message);
  const reason = `the server and this program have no ${missing} in common`;
  // OpenSSH has more of them, as the post-quantum ones.
  return limit.unreachable('handshake', reason, `Type: ${takeOpenssh(endpoint.site)}`);
}
