import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Output } from '../schedulers/scheduler.ts';
import { quote } from '../shell.ts';
import { NeverStarted, type RemoteProcess, type Transport } from '../transports/transport.ts';
import { readyMarker, sessionCommand } from './session-command.ts';

/** More than any listing is long; what prints more is not an answer. */
const maxOutputBytes = 64 * 1024 * 1024;

/** How long a silent start-up is left alone before it gets an empty line: one of its files may be reading stdin. */
const nudgeMilliseconds = 1000;

/**
 * One remote `sh` on one channel that runs programs one after another. Every program's two streams carry a begin and an
 * end marker of their own, so that banners, noisy start-up files and truncation cannot be taken for an answer.
 */
export interface ShellSession extends AsyncDisposable {
  run(program: Program): Promise<Result<Output>>;
}

export interface Program {
  /** POSIX `sh`. Its exit status is the output's code. */
  text: string;
  /** What this is, for messages: `reading the queue`. */
  purpose: string;
  timeoutSeconds: number;
  /**
   * `subshell` (the default): with an empty stdin and without the lock's descriptor, which a daemon that a program leaves
   * behind would keep. `locked`: a subshell that keeps the descriptor. `session`: the session's own shell, for what must last.
   * When the channel closes, a `subshell` ends what it waits for; the other two are seen through.
   */
  runsIn?: 'subshell' | 'locked' | 'session';
  /** Of one that runs in the session: what follows it in a subshell, unless it failed. */
  followedBy?: string;
  /** Sees stdout as it comes, markers and all: for progress only. */
  onStdout?: (text: string) => void;
}

export interface SessionOptions {
  site: string;
  loginShell: boolean;
  /** From the start of the command until the session answers. */
  readySeconds: number;
  /** When it ends at the latest; the usual time when left out. */
  lastsSeconds?: number;
}

/** A session that answers, and what the programs it was started with said. */
export interface OpenSession {
  session: ShellSession;
  answers: readonly Output[];
  /** What start-up files printed before it answered. */
  noise: string;
}

/**
 * Starts a session and waits until it answers. `beforehand` are programs that travel with its command line and run at
 * once, one after the other; they are in the session's own shell, whatever they say. After that nothing but empty lines
 * is sent before the session answers.
 */
export async function openShellSession(
  transport: Transport,
  options: SessionOptions,
  beforehand: readonly Program[],
  context: Context,
): Promise<Result<OpenSession>> {
  const closing = new AbortController();
  const signal = AbortSignal.any([context.signal, closing.signal]);
  const framed = beforehand.map((program) => framedProgram({ ...program, runsIn: 'session' }));
  const command = sessionCommand({ ...options, beforehand: framed.map(({ text }) => text) });
  // A server may take the login and never start a command.
  const late = setTimeout(() => closing.abort(), options.readySeconds * 1000);
  const started = await startCommand(transport, command, signal);
  clearTimeout(late);
  if (closing.signal.aborted) return failed(noSession({ kind: 'late' }, '', options));
  if (!started.ok) return started;
  const wire = new Wire(started.value);
  const [first] = beforehand;
  wire.onStdout = first?.onStdout ?? null;
  const ready = await awaitReady(wire, options, context.signal);
  const answers = ready.ok ? await awaitAll(wire, framed, options.site, context.signal) : ready;
  if (!answers.ok) {
    closing.abort();
    return answers;
  }
  const noise = noiseOn(wire, framed[0]);
  return ok({ session: sessionOver(wire, options.site, context.signal, closing), answers: answers.value, noise });
}

/** All that came before the ready marker, on stderr before the first program, where one has run. */
function noiseOn({ stdout, stderr }: Wire, first: FramedProgram | undefined): string {
  const [printed = ''] = stdout.text().split(readyMarker);
  const [complained = ''] = stderr.text().split(first === undefined ? readyMarker : `\nbegin-${first.nonce}`);
  return `${printed}${complained}`.trim();
}

async function awaitAll(
  wire: Wire,
  framed: readonly FramedProgram[],
  site: string,
  signal: AbortSignal,
): Promise<Result<Output[]>> {
  const answers: Output[] = [];
  for (const one of framed) {
    wire.onStdout = one.program.onStdout ?? null;
    const answer = await awaitFrame(wire, one, site, signal);
    if (!answer.ok) return answer;
    answers.push(answer.value);
  }
  return ok(answers);
}

/** Starts a command; that it surely never started is a failure, not an exception. */
export async function startCommand(
  transport: Transport,
  command: string,
  signal: AbortSignal,
  { beside = false } = {},
): Promise<Result<RemoteProcess>> {
  // `spawn` promises to reject with `NeverStarted` and nothing else; anything else is a bug and stays an exception.
  return transport.spawn(command, { signal, beside }).then(ok, (reason: unknown) => {
    if (reason instanceof NeverStarted) return failed(reason.failure);
    throw reason;
  });
}

async function awaitReady(wire: Wire, options: SessionOptions, signal: AbortSignal): Promise<Result<void>> {
  const nudge = setInterval(() => wire.send('\n'), nudgeMilliseconds);
  const outcome = await wire.until(() => wire.stdout.has(`${readyMarker}\n`), options.readySeconds, signal);
  clearInterval(nudge);
  if (outcome === 'met') return ok(undefined);
  return failed(noSession(outcome, `${wire.stdout.text()}${wire.stderr.text()}`, options));
}

function noSession(outcome: Unmet, words: string, options: SessionOptions): Failure {
  if (outcome.kind === 'interrupted') return { kind: 'interrupted' };
  const said = tail(words);
  const what =
    outcome.kind === 'late'
      ? `no shell answered within ${options.readySeconds} s`
      : `the shell ended before it answered (${outcome.reason})`;
  const hint = options.loginShell
    ? 'A start-up file of the account may ask something or end the shell; try `connection.loginShell=false`.'
    : 'Needed there: /bin/sh, base64 and coreutils.';
  return { kind: 'login-host-unusable', site: options.site, what, said, hint };
}

function sessionOver(wire: Wire, site: string, signal: AbortSignal, closing: AbortController): ShellSession {
  let broken: Failure | null = null;
  return {
    async run(program) {
      if (broken !== null) return failed(broken);
      const result = await runFramed(wire, program, site, signal);
      if (!result.ok) {
        broken = result.failure;
        closing.abort();
      }
      return result;
    },
    async [Symbol.asyncDispose]() {
      // The end of its stdin ends the session's loop, which lets the lock go: nobody needs to wait for that. A broken
      // one may not read any more.
      wire.end();
      if (broken !== null) closing.abort();
      // What a start-up file left running may hold the channel open.
      else void wire.closed.then(() => closing.abort());
    },
  };
}

/** A program as it is sent, and the word that its markers are known by. */
interface FramedProgram {
  program: Program;
  nonce: string;
  text: string;
}

function framedProgram(program: Program): FramedProgram {
  const nonce = randomBytes(9).toString('hex');
  return { program, nonce, text: frame(program, nonce) };
}

function runFramed(wire: Wire, program: Program, site: string, signal: AbortSignal): Promise<Result<Output>> {
  const framed = framedProgram(program);
  wire.forget();
  wire.onStdout = program.onStdout ?? null;
  wire.send(`${Buffer.from(framed.text).toString('base64')}\n`);
  return awaitFrame(wire, framed, site, signal);
}

async function awaitFrame(
  wire: Wire,
  { program, nonce }: FramedProgram,
  site: string,
  signal: AbortSignal,
): Promise<Result<Output>> {
  const ended = () => endOf(wire.stdout, nonce) !== null && endOf(wire.stderr, nonce) !== null;
  const outcome = await wire.until(ended, program.timeoutSeconds, signal);
  wire.onStdout = null;
  if (outcome !== 'met') return failed(interruption(outcome, program, site, wire));
  const output = readFrame(wire, nonce);
  if (output !== null) return ok(output);
  return failed({
    kind: 'connection-lost',
    site,
    step: program.purpose,
    reason: 'the answer arrived without its beginning',
  });
}

/** The program between its markers. The first line of a marker is empty: output that ends without a newline must not hide it. */
function frame(program: Program, nonce: string): string {
  const say = (words: string) => `printf '\\n%s\\n' "${words}"; printf '\\n%s\\n' "${words}" >&2`;
  const end = say(`end-${nonce} $glidein_code`);
  return `${say(`begin-${nonce}`)}\n${enclosed(program, end)}\n`;
}

function enclosed({ text, runsIn, followedBy }: Program, end: string): string {
  switch (runsIn ?? 'subshell') {
    case 'session': {
      // Through eval, so that text no shell can parse ends with a status there, and not without an end.
      const first = `{\neval ${quote(text)}\n} </dev/null\nglidein_code=$?`;
      if (followedBy === undefined) return `${first}\n${end}`;
      return `${first}\nif [ $glidein_code -eq 0 ]; then\n${besideSession(followedBy, end)}\nelse ${end}\nfi`;
    }
    case 'locked':
      return `(\n${text}\n) </dev/null\nglidein_code=$?\n${end}`;
    case 'subshell':
      return besideSession(text, end);
  }
}

// The session reads on meanwhile, so that it sees its channel close.
function besideSession(text: string, end: string): string {
  return `{\n(\n${text}\n)\nglidein_code=$?\n${end}\n} </dev/null 9<&- &`;
}

function endOf(stream: Collected, nonce: string): { at: number; code: number } | null {
  const marker = `\nend-${nonce} `;
  const at = stream.indexOf(marker);
  if (at < 0) return null;
  const match = /^(\d+)\n/.exec(stream.bytes().slice(at + marker.length, at + marker.length + 8));
  return match?.[1] === undefined ? null : { at, code: Number(match[1]) };
}

function readFrame(wire: Wire, nonce: string): Output | null {
  const body = (stream: Collected): { text: string; code: number } | null => {
    const marker = `\nbegin-${nonce}\n`;
    const begin = stream.indexOf(marker);
    const end = endOf(stream, nonce);
    if (begin < 0 || end === null || end.at < begin) return null;
    return { text: decode(stream.bytes().slice(begin + marker.length, end.at)), code: end.code };
  };
  const stdout = body(wire.stdout);
  const stderr = body(wire.stderr);
  if (stdout === null || stderr === null) return null;
  return { stdout: stdout.text, stderr: stderr.text, code: stdout.code };
}

/** Lines that are not the host's words: the ready marker, and those that begin and end a program or a part of one. */
const ourOwnLines = new RegExp(`^(${readyMarker}|@?(begin-|end-)?[0-9a-f]{18}( .*)?)?\\n`, 'gm');

function interruption(outcome: Unmet, program: Program, site: string, wire: Wire): Failure {
  switch (outcome.kind) {
    case 'interrupted':
      return { kind: 'interrupted' };
    case 'late':
      return { kind: 'timed-out', site, step: program.purpose, seconds: program.timeoutSeconds };
    case 'closed': {
      const said = tail(`${wire.stdout.text()}\n${wire.stderr.text()}`.replaceAll(ourOwnLines, ''));
      const reason = said === '' ? outcome.reason : `${outcome.reason}; last words: ${said}`;
      return { kind: 'connection-lost', site, step: program.purpose, reason };
    }
  }
}

type Unmet = { kind: 'late' } | { kind: 'interrupted' } | { kind: 'closed'; reason: string };

/** The session's three streams, with waits that always end. */
class Wire {
  readonly stdout = new Collected();
  readonly stderr = new Collected();
  onStdout: ((text: string) => void) | null = null;
  readonly closed: Promise<string>;
  private closedBecause: string | null = null;
  private wake: (() => void) | null = null;
  private readonly process: RemoteProcess;

  constructor(process: RemoteProcess) {
    this.process = process;
    this.collect(process.stdout, this.stdout, (text) => this.onStdout?.(text));
    this.collect(process.stderr, this.stderr, () => {});
    // A write after the far side closed is reported by `exited`, not here.
    process.stdin.on('error', () => {});
    this.closed = process.exited.then((exit) => {
      if (exit.kind === 'lost') return exit.reason;
      return exit.kind === 'exited'
        ? `the remote shell ended with ${exit.code}`
        : `the remote shell got ${exit.signal}`;
    });
    void this.closed.then((reason) => {
      this.closedBecause = reason;
      // The streams may still hold the last of the answer.
      setImmediate(() => this.wake?.());
    });
  }

  send(text: string): void {
    if (this.process.stdin.writable) this.process.stdin.write(text);
  }

  end(): void {
    this.process.stdin.end();
  }

  forget(): void {
    this.stdout.clear();
    this.stderr.clear();
  }

  /** Waits for `condition`, checked whenever something arrives. */
  async until(condition: () => boolean, seconds: number, signal: AbortSignal): Promise<'met' | Unmet> {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      if (condition()) return 'met';
      if (signal.aborted) return { kind: 'interrupted' };
      if (this.closedBecause !== null) return { kind: 'closed', reason: this.closedBecause };
      const left = deadline - Date.now();
      if (left <= 0) return { kind: 'late' };
      await this.somethingNew(left, signal);
    }
  }

  private somethingNew(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener('abort', done, { once: true });
      this.wake = done;
    });
  }

  private collect(stream: Readable, into: Collected, tell: (text: string) => void): void {
    stream.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      into.add(text);
      tell(text);
      this.wake?.();
    });
    stream.on('error', () => {});
  }
}

/** What one stream brought, as bytes (latin1), bounded. */
class Collected {
  private held = '';

  add(bytes: string): void {
    if (this.held.length < maxOutputBytes) this.held += bytes;
  }
  clear(): void {
    this.held = '';
  }
  has(text: string): boolean {
    return this.held.includes(text);
  }
  indexOf(text: string): number {
    return this.held.lastIndexOf(text);
  }
  bytes(): string {
    return this.held;
  }
  text(): string {
    return decode(this.held);
  }
}

/** Remote text is data: what is not UTF-8 is replaced, not refused. */
function decode(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** The last words of a program, short enough for a message. */
function tail(text: string): string {
  return text.trim().slice(-400);
}
