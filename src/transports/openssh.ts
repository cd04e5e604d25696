import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { type ConnectLimit, startLimit } from './connect-limit.ts';
import { knownHostName } from './host-keys.ts';
import type { LoginBrake } from './login-brake.ts';
import { endMaster } from './mux-socket.ts';
import { loginEndOf, refusalFailure } from './openssh-refusal.ts';
import { type Started, startWhenRoom } from './room-for-sessions.ts';
import { ownDirectory } from './socket-directory.ts';
import { hasLoggedIn, refusalIn } from './ssh-client-log.ts';
import { destination, type SshSettings } from './ssh-config.ts';
import { type SshStart, type SshStarted, startSsh } from './ssh-process.ts';
import { type Endpoint, NeverStarted, type RemoteProcess, type Transport } from './transport.ts';

/** A master connection that was there before us, and stays. */
export interface StandingMaster {
  socket: string;
  sinceSeconds: number;
  target: string;
}

/** Commands over a master connection of the system's `ssh` that somebody opened before. It is never closed here. */
export async function openOverMaster(
  endpoint: Endpoint,
  master: StandingMaster,
  context: Context,
): Promise<Result<Transport>> {
  const directory = await ownDirectory();
  if (!directory.ok) return directory;
  context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: `${master.target} (open already)` });
  const sessions = new Sessions({ endpoint, directory: directory.value, target: master.target, socket: master.socket });
  return ok({
    target: master.target,
    openSince: master.sinceSeconds,
    spawn: (command, { signal }) => startWhenRoom(() => sessions.start(command, signal), signal),
    async [Symbol.asyncDispose]() {
      sessions.end();
      await sessions.forget();
    },
  });
}

/**
 * Commands by the system's `ssh` where no master connection is up. The first command's own `ssh` connects and logs in,
 * without a question to anybody, and is the master for those after it: they wait until it is up. It ends with the
 * transport. What keeps it from coming about is the `NeverStarted` of every command.
 */
export async function openByFirstCommand(
  endpoint: Endpoint,
  settings: SshSettings,
  brake: LoginBrake,
  context: Context,
): Promise<Result<Transport>> {
  const held = await brake.holds();
  if (held !== null) return failed(held);
  const directory = await ownDirectory();
  if (!directory.ok) return directory;
  const target = targetOf(settings);
  const socket = join(directory.value, 's');
  const sessions = new Sessions({ endpoint, directory: directory.value, target, socket });
  let opening: Promise<Failure | null> | null = null;
  const open = async (command: string, signal: AbortSignal): Promise<RemoteProcess> => {
    const first = sessions.open(command, settings, signal, brake, context);
    opening = first.then(
      () => null,
      (reason: unknown) => (reason instanceof NeverStarted ? reason.failure : { kind: 'interrupted' }),
    );
    return first;
  };
  return ok({
    target,
    async spawn(command, { signal }) {
      if (signal.aborted) throw new NeverStarted({ kind: 'interrupted' });
      if (opening === null) return open(command, signal);
      const failure = await opening;
      if (failure !== null) throw new NeverStarted(failure);
      return startWhenRoom(() => sessions.start(command, signal), signal);
    },
    async [Symbol.asyncDispose]() {
      sessions.end();
      // Who is just logging in may be the master before it hears of the end.
      if ((await opening) === null) await endMaster(socket);
      await sessions.forget();
    },
  });
}

/** Where the configuration leads, for messages. */
export function targetOf({ user, hostname, port }: SshSettings): string {
  return `${user}@${hostname}:${port}`;
}

/** Options of every `ssh` that runs a command or waits for some: it never asks, forwards nothing and does nothing else. */
export const plainOptions = [
  ...['-T', '-o', 'RemoteCommand=none', '-o', 'PermitLocalCommand=no', '-o', 'ClearAllForwardings=yes'],
  ...['-o', 'ForwardAgent=no', '-o', 'ForwardX11=no', '-o', 'EscapeChar=none'],
];

const silent = ['-o', 'BatchMode=yes', '-o', 'LogLevel=DEBUG1'];

/** Options of an `ssh` that is to be a master. Unknown host keys are never taken without a word. */
export function masterOptions(settings: SshSettings, { socket, idleSeconds }: { socket: string; idleSeconds: number }) {
  return [
    ...['-o', 'ControlMaster=yes', '-S', controlPath(socket), '-o', `ControlPersist=${idleSeconds}`],
    ...(settings.ciphers === null ? [] : ['-o', `Ciphers=${settings.ciphers}`]),
    ...(settings.trustsBlindly ? ['-o', 'StrictHostKeyChecking=ask'] : []),
    ...(settings.keepaliveSeconds > 0 ? [] : ['-o', 'ServerAliveInterval=15', '-o', 'ServerAliveCountMax=3']),
  ];
}

/** To one of the host's addresses, which is known by the name's key. */
function addressOptions({ address }: Endpoint, settings: SshSettings): string[] {
  if (address === undefined) return [];
  return ['-o', `HostName=${address}`, '-o', `HostKeyAlias=${knownHostName(settings)}`];
}

/** `ssh` expands `%` in it. */
function controlPath(socket: string): string {
  return socket.replaceAll('%', '%%');
}

/** A master whose process was killed before it could end it goes by itself after so long. */
const orphanSeconds = 10;

interface Place {
  endpoint: Endpoint;
  /** For the logs of its `ssh` processes; removed at the end. */
  directory: string;
  target: string;
  socket: string;
}

/** The commands that run in one connection. */
class Sessions {
  private readonly place: Place;
  private readonly over = new AbortController();
  private count = 0;

  constructor(place: Place) {
    this.place = place;
  }

  /** Starts a command over the master. Without one, or when it refuses, the client does not connect by itself. */
  async start(command: string, signal: AbortSignal): Promise<Started> {
    const { endpoint, socket } = this.place;
    // A client that its master refuses goes on and connects for itself; this keeps it from that.
    const options = ['-o', 'ControlMaster=no', '-S', controlPath(socket), '-o', 'ProxyCommand=false'];
    const started = await this.run(options, command, { connects: false, signal, watch: () => {} });
    if (started.kind === 'begun') return { kind: 'process', process: started.held.process };
    if (started.kind === 'no ssh') return { kind: 'refused', failure: withoutSsh(this.place, started.reason) };
    if (signal.aborted) return { kind: 'refused', failure: { kind: 'interrupted' } };
    if (started.kind === 'full') return { kind: 'full', failure: this.noRoom() };
    const reason = 'the master connection is gone';
    return {
      kind: 'refused',
      failure: { kind: 'connection-lost', site: endpoint.site, step: 'starting a command', reason },
    };
  }

  /** Connects, logs in and starts the command. Rejects with `NeverStarted`. */
  async open(
    command: string,
    settings: SshSettings,
    signal: AbortSignal,
    brake: LoginBrake,
    context: Context,
  ): Promise<RemoteProcess> {
    const { endpoint, target, socket } = this.place;
    const limit = startLimit(endpoint, () => target, context);
    context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: target });
    let log = '';
    const watch = (soFar: string) => {
      log = soFar;
      if (hasLoggedIn(soFar)) limit.end();
    };
    const options = [
      ...masterOptions(settings, { socket, idleSeconds: orphanSeconds }),
      ...addressOptions(endpoint, settings),
    ];
    const both = AbortSignal.any([signal, limit.signal]);
    const started = await this.run(options, command, { connects: true, signal: both, watch });
    limit.end();
    if (hasLoggedIn(log)) await brake.learn({ kind: 'logged in', person: null });
    if (started.kind === 'begun') return started.held.process;
    if (started.kind === 'no ssh') throw new NeverStarted(withoutSsh(this.place, started.reason));
    if ([signal, context.signal, this.over.signal].some((one) => one.aborted))
      throw new NeverStarted({ kind: 'interrupted' });
    if (hasLoggedIn(log)) throw new NeverStarted(this.noRoom(), { isFull: true });
    throw new NeverStarted(await this.notLoggedIn(started, settings, limit, brake));
  }

  private async notLoggedIn(
    { log, said }: { log: string; said: string },
    settings: SshSettings,
    limit: ConnectLimit,
    brake: LoginBrake,
  ): Promise<Failure> {
    const { endpoint, target } = this.place;
    const refusal = refusalIn(log);
    if (refusal.kind === 'failed') limit.stage = refusal.stage;
    const isLate = limit.signal.aborted;
    const failure = isLate ? limit.failure() : refusalFailure(refusal, { endpoint, target, settings, said });
    const end = loginEndOf(refusal, failure);
    if (end !== null) await brake.learn(end);
    return failure;
  }

  private noRoom(): Failure {
    const { endpoint, target } = this.place;
    const reason = 'the server opens no more sessions in this connection';
    return { kind: 'unreachable', site: endpoint.site, target, stage: 'shell', reason };
  }

  /** Ends what waits for a command, and its `ssh`. */
  end(): void {
    this.over.abort();
  }

  async forget(): Promise<void> {
    await rm(this.place.directory, { recursive: true, force: true }).catch(() => {});
  }

  private async run(
    options: readonly string[],
    command: string,
    how: Pick<SshStart, 'connects' | 'signal' | 'watch'>,
  ): Promise<SshStarted> {
    this.count += 1;
    const logFile = join(this.place.directory, `${this.count}.log`);
    const words = [...plainOptions, ...silent, ...options, ...destination(this.place.endpoint), command];
    return startSsh({ words, logFile, ...how, signal: AbortSignal.any([how.signal, this.over.signal]) });
  }
}

function withoutSsh({ endpoint, target }: Place, said: string): Failure {
  const reason = `the program \`ssh\` cannot be started: ${said}`;
  return { kind: 'unreachable', site: endpoint.site, target, stage: 'configuration', reason };
}
