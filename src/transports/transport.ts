import type { Readable, Writable } from 'node:stream';
import type { Failure } from '../failure.ts';

/**
 * Starts a command on a login host: the one thing a transport does. Disposing closes the connection; it does not end
 * remote programs.
 */
export interface Transport extends AsyncDisposable {
  /** Where it leads, for messages: `ada@login.example.org:22`. */
  readonly target: string;
  /** Since when its connection has been up (seconds since the epoch), where that was open before and stays open. */
  readonly openSince?: number;
  /** Whether its connection is still there, as far as anybody has heard; absent: nobody would hear of its end. */
  isOpen?(): boolean;
  /** Commands run on this machine: its files are there, under the same paths. */
  readonly isHere?: boolean;
  /**
   * `command` is parsed by the user's login shell there, whatever that is. Rejects (with `NeverStarted`) only when
   * the command surely never started. Aborting closes the channel and does not end the remote program. `beside`: what was
   * started before it in the same hands goes on meanwhile, so it waits for none of that to end.
   */
  spawn(command: string, options: { signal: AbortSignal; beside?: boolean }): Promise<RemoteProcess>;
}

/** Streams honour backpressure. Both output streams end when the channel closes, whatever the reason. */
export interface RemoteProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Never rejects. `lost`: nobody knows how it ended, or whether it has. */
  readonly exited: Promise<Exit>;
}

export type Exit =
  | { kind: 'exited'; code: number }
  | { kind: 'signalled'; signal: string }
  | { kind: 'lost'; reason: string };

/** What `spawn` rejects with: the command did not start, and this is why. */
export class NeverStarted extends Error {
  readonly failure: Failure;
  /** The server opens no more sessions for now: one of ours that ends makes room. */
  readonly isFull: boolean;
  constructor(failure: Failure, { isFull = false } = {}) {
    super(failure.kind);
    this.failure = failure;
    this.isFull = isFull;
  }
}

/** What a transport needs to know of a site. Nulls mean: whatever the user's SSH configuration says. */
export interface Endpoint {
  site: string;
  /** A host name, or a `Host` of the user's SSH configuration. */
  host: string;
  user: string | null;
  port: number | null;
  identityFile: string | null;
  /** The limit on everything up to and including the login, a person's typing not counted. */
  connectSeconds: number;
  /** The one of the host's addresses to connect to; left out: whichever answers. */
  address?: string;
}
