import { setTimeout as sleep } from 'node:timers/promises';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { openTransport } from '../transports/index.ts';
import { NeverStarted, type RemoteProcess, type Transport } from '../transports/transport.ts';
import { endpointOf, loginHostOf } from './login-host-of.ts';
import { loginBrake } from './login-memory.ts';

/** How a profile becomes a connection: the one place that hands its keys to the transports. */

/**
 * Connects to the site's login host, unless an earlier try says that this one would fail or comes too soon. Nothing runs
 * there yet.
 */
export async function connect(profile: Profile, dataDir: string, context: Context): Promise<Result<Transport>> {
  const { name, connection } = profile;
  const brake = loginBrake(profile, dataDir, { byPerson: false }, context);
  const opened = await openTransport(connection.transport, endpointOf(profile), context, brake);
  if (!opened.ok) return opened;
  const { transport, chosen, why } = opened.value;
  // By OpenSSH without a connection that is up, the first command connects.
  const verb = chosen === 'openssh' && transport.openSince === undefined ? 'connecting' : 'connected';
  context.emit({ kind: 'note', site: name, text: `${verb} to ${transport.target} by ${chosen} (${why})` });
  return ok(transport);
}

/** Where a site's work is done: its profile, and the way to its login host. */
export interface SiteAccess {
  profile: Profile;
  /** Opens the connection, or answers the one that the sites of this host share; who called disposes of it either way. */
  connect(): Promise<Result<Transport>>;
}

/**
 * Connections that are kept from one look to the next, by login host, so that who watches does not log in for each. Only
 * such as tell when they end: after that the next look connects anew.
 */
export class KeptConnections implements AsyncDisposable {
  private readonly kept = new Map<string, Transport>();

  /** The one of this host, in the hands of the caller; null: there is none, or it has ended. */
  async take(profile: Profile): Promise<Transport | null> {
    const host = loginHostOf(profile);
    const transport = this.kept.get(host) ?? null;
    this.kept.delete(host);
    if (transport === null || transport.isOpen?.() === true) return transport;
    await transport[Symbol.asyncDispose]();
    return null;
  }

  /** Keeps it, or closes it. */
  async give(profile: Profile, transport: Transport): Promise<void> {
    if (transport.isOpen?.() === true) this.kept.set(loginHostOf(profile), transport);
    else await transport[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.kept.values()].map((transport) => transport[Symbol.asyncDispose]()));
  }
}

/**
 * One connection for the sites of one login host, opened when the first of them needs it. One that could not be opened is
 * not tried again for the others: servers lock out who does that.
 */
export class SharedConnection implements AsyncDisposable {
  private opening: Promise<Result<Transport>> | null = null;
  private openedFor: Profile | null = null;
  /** Nothing that was started has come to nothing: one that does not answer any more must not be kept. */
  private isSound = true;
  private readonly running = new Set<Promise<unknown>>();
  private readonly context: Context;
  private readonly isShared: boolean;
  private readonly dataDir: string;
  private readonly kept: KeptConnections | null;

  /**
   * `isShared`: several sites use it, and a site's sessions end before another one takes its turn. `kept`: where it may come
   * from, and goes to.
   */
  constructor(
    { isShared, dataDir, kept }: { isShared: boolean; dataDir: string; kept: KeptConnections | null },
    context: Context,
  ) {
    this.isShared = isShared;
    this.dataDir = dataDir;
    this.kept = kept;
    this.context = context;
  }

  /** The way to this host for one of its sites. */
  accessFor(profile: Profile): SiteAccess {
    return { profile, connect: () => this.connect(profile) };
  }

  private async connect(profile: Profile): Promise<Result<Transport>> {
    this.opening ??= this.open(profile);
    const opened = await this.opening;
    return opened.ok ? ok(this.lent(opened.value, profile.name)) : failed(forSite(opened.failure, profile.name));
  }

  private async open(profile: Profile): Promise<Result<Transport>> {
    this.openedFor = profile;
    const kept = (await this.kept?.take(profile)) ?? null;
    return kept === null ? connect(profile, this.dataDir, this.context) : ok(kept);
  }

  /**
   * The same transport, in the hands of one site, who does not close it. Where it is shared, of what a site starts each has
   * ended before the next begins, unless it runs beside it, and the last when it is given back.
   */
  private lent(transport: Transport, site: string): Transport {
    let last: Promise<unknown> = Promise.resolve();
    return {
      ...transport,
      spawn: async (command, options) => {
        if (options.beside === true)
          return this.watched(await this.spawnOnce(() => transport.spawn(command, options), site));
        if (this.isShared) await within(last, partingMilliseconds);
        const process = await this.spawnInTurn(() => transport.spawn(command, options), site).catch((reason) => {
          this.isSound = false;
          throw reason;
        });
        last = process.exited;
        void process.exited.then(({ kind }) => {
          if (kind === 'lost') this.isSound = false;
        });
        return process;
      },
      [Symbol.asyncDispose]: async () => {
        if (this.isShared) await within(last, partingMilliseconds);
      },
    };
  }

  /**
   * A server may take fewer sessions than we have sites: then one waits until another's ends. Where none of ours is there,
   * one may just have come or gone, so that is believed only when it is seen again.
   */
  private async spawnInTurn(spawn: () => Promise<RemoteProcess>, site: string): Promise<RemoteProcess> {
    for (let roundsAlone = 0; ; ) {
      const started = await spawn().catch((reason: unknown) => {
        roundsAlone += this.running.size === 0 ? 1 : 0;
        if (reason instanceof NeverStarted && reason.isFull && roundsAlone < 3) return null;
        throw reason instanceof NeverStarted ? new NeverStarted(forSite(reason.failure, site)) : reason;
      });
      if (started !== null) return this.watched(started);
      if (this.running.size > 0) await Promise.race(this.running);
    }
  }

  private spawnOnce(spawn: () => Promise<RemoteProcess>, site: string): Promise<RemoteProcess> {
    return spawn().catch((reason: unknown) => {
      throw reason instanceof NeverStarted ? new NeverStarted(forSite(reason.failure, site), reason) : reason;
    });
  }

  private watched(process: RemoteProcess): RemoteProcess {
    const over: Promise<unknown> = process.exited.then(() => this.running.delete(over));
    this.running.add(over);
    return process;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // An exception on the way is a bug, and told by whoever waits for the connection.
    const [opened] = await Promise.allSettled([this.opening]);
    if (opened.status !== 'fulfilled' || opened.value?.ok !== true) return;
    const { value: transport } = opened.value;
    if (this.kept === null || this.openedFor === null || !this.isSound) await transport[Symbol.asyncDispose]();
    else await this.kept.give(this.openedFor, transport);
  }
}

/** How long a session may take to end; a server takes more of them than we have at a time. */
const partingMilliseconds = 2000;

async function within(end: Promise<unknown>, milliseconds: number): Promise<void> {
  const late = new AbortController();
  await Promise.race([end, sleep(milliseconds, undefined, { signal: late.signal }).catch(() => {})]);
  late.abort();
}

/** A failure that several sites share, as it is told of one of them. */
export function forSite(failure: Failure, site: string): Failure {
  return 'site' in failure ? ({ ...failure, site } as Failure) : failure;
}
