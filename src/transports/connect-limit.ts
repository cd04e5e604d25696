import type { Context } from '../context.ts';
import type { ConnectStage, Failure } from '../failure.ts';
import type { Endpoint } from './transport.ts';

/** The one time limit of everything up to the login, and the interrupt, of one attempt to connect. */
export interface ConnectLimit {
  /** Aborts when the time is over or the user interrupts; `failure()` says which. */
  readonly signal: AbortSignal;
  /** What is being done; set on the way, told when the time is over. */
  stage: ConnectStage;
  failure(): Failure;
  /** A failure to connect, in the words of this attempt. */
  unreachable(stage: ConnectStage, reason: string, hint?: string): Failure;
  /** Waits for a person; that time does not count. */
  person<T>(answer: () => Promise<T>): Promise<T>;
  /** From now on at least so long: a server that got an answer may have more to ask, of a telephone for one. */
  allow(seconds: number): void;
  /** Stops the clock. Nothing is left behind. */
  end(): void;
}

const lateReasons: Record<ConnectStage, string> = {
  configuration: '`ssh -G` did not say how to connect',
  resolve: 'the host name was not resolved',
  connect: 'the host did not answer',
  handshake: 'the host took the connection, but the SSH handshake was not finished',
  login: 'the login was not finished',
  shell: 'no shell started',
};

/** Starts the clock of `endpoint.connectSeconds`. `end()` must follow. */
export function startLimit(endpoint: Endpoint, target: () => string, context: Context): ConnectLimit {
  const stop = new AbortController();
  let seconds = endpoint.connectSeconds;
  const clock = pausableTimer(endpoint.connectSeconds * 1000, () => stop.abort());
  const interrupt = () => stop.abort();
  context.signal.addEventListener('abort', interrupt, { once: true });
  if (context.signal.aborted) interrupt();
  return {
    signal: stop.signal,
    stage: 'configuration',
    failure() {
      if (context.signal.aborted) return { kind: 'interrupted' };
      return this.unreachable(this.stage, `${lateReasons[this.stage]} within ${seconds} s`);
    },
    unreachable(stage, reason, hint) {
      const failure = { kind: 'unreachable' as const, site: endpoint.site, target: target(), stage, reason };
      return hint === undefined ? failure : { ...failure, hint };
    },
    async person(answer) {
      clock.pause();
      try {
        return await answer();
      } finally {
        clock.resume();
      }
    },
    allow(more) {
      seconds = Math.max(seconds, more);
      clock.allow(more * 1000);
    },
    end() {
      clock.stop();
      context.signal.removeEventListener('abort', interrupt);
    },
  };
}

function pausableTimer(milliseconds: number, ring: () => void) {
  let left = milliseconds;
  let since = 0;
  let timer: NodeJS.Timeout | null = null;
  let stopped = false;
  const resume = () => {
    if (stopped || timer !== null) return;
    since = performance.now();
    timer = setTimeout(ring, Math.max(0, left));
  };
  const pause = () => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = null;
    left -= performance.now() - since;
  };
  const stop = () => {
    stopped = true;
    pause();
  };
  const allow = (more: number) => {
    const isRunning = timer !== null;
    pause();
    left = Math.max(left, more);
    if (isRunning) resume();
  };
  resume();
  return { pause, resume, stop, allow };
}
