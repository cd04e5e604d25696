import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { ok, type Result } from '../failure.ts';
import type { Exit, RemoteProcess, Transport } from '../transports/transport.ts';
import { startCommand } from './shell-session.ts';

/** A program on the login host that takes bytes on stdin and tells how far it is in lines of its own. */

/** A start-up file that reads stdin gets empty lines, never what is sent. */
const nudgeMilliseconds = 1000;

/** The line that must come before all else that is sent: whatever a start-up file of the account reads before it is lost. */
export function beginning(mark: string): string {
  return `\n${mark} begin\n`;
}

/** What a program has said in lines that begin with `mark`; what start-up files print among it is passed over. */
export function saidWith(stdout: string, mark: string): string[] {
  return stdout.split('\n').flatMap((line) => (line.startsWith(`${mark} `) ? [line.slice(mark.length + 1)] : []));
}

/** How a program is started. `beside`: what was started before in the same hands goes on meanwhile. */
interface Start {
  command(mark: string): string;
  signal: AbortSignal;
  beside?: boolean;
}

/** Starts a program that begins its lines with a mark that is new for it. */
export async function startFarSide(transport: Transport, start: Start): Promise<Result<FarSide>> {
  const mark = `glidein-${randomBytes(9).toString('hex')}`;
  const { command, signal, beside } = start;
  const started = await startCommand(transport, command(mark), signal, beside === undefined ? {} : { beside });
  return started.ok ? ok(new FarSide(started.value, mark, signal)) : started;
}

/** The receiving program: what it has said, and whether it goes on. */
export class FarSide {
  /** Null while it runs. */
  exit: Exit | null = null;
  complaints = '';
  /** Its lines up to now, without the mark. */
  readonly said: string[] = [];
  /** Is told of each line as it comes. */
  onSaid: (line: string) => void = () => {};
  private readonly process: RemoteProcess;
  private readonly mark: string;
  private rest = '';
  /** Aborts when nothing more is to be expected. */
  private readonly over: AbortSignal;
  private readonly changed = new EventTarget();

  constructor(process: RemoteProcess, mark: string, signal: AbortSignal) {
    this.process = process;
    this.mark = mark;
    const gone = new AbortController();
    this.over = AbortSignal.any([signal, gone.signal]);
    // A write after the far side ended is reported by `exited`, not here.
    process.stdin.on('error', () => {});
    process.stdout.on('data', (chunk: Buffer) => this.hear(chunk.toString('latin1')));
    process.stderr.on('data', (chunk: Buffer) => {
      this.complaints = `${this.complaints}${chunk.toString('utf8')}`.slice(-4000);
    });
    void process.exited.then((exit) => {
      this.exit = exit;
      gone.abort();
    });
  }

  private hear(text: string): void {
    const heard = `${this.rest}${text}`;
    const end = heard.lastIndexOf('\n') + 1;
    this.rest = heard.slice(end).slice(-100_000);
    for (const line of saidWith(heard.slice(0, end), this.mark)) {
      this.said.push(line);
      this.onSaid(line);
    }
    this.changed.dispatchEvent(new Event('change'));
  }

  /** Nothing more is to be expected of it. */
  get isOver(): boolean {
    return this.over.aborted;
  }

  /** Until it has said one of these lines, or cannot any more. Start-up files get empty lines to read until it has said anything. */
  async untilReady(lines: readonly string[]): Promise<void> {
    const nudge = setInterval(() => {
      if (this.said.length === 0) this.process.stdin.write('\n');
    }, nudgeMilliseconds);
    await this.untilSaid((said) => said.some((line) => lines.includes(line)));
    clearInterval(nudge);
  }

  begin(): void {
    this.send(beginning(this.mark));
  }

  /** Sends some words, and waits for nothing. */
  send(text: string): void {
    if (this.process.stdin.writable) this.process.stdin.write(text);
  }

  /** Sends bytes, which must stay as they are until this answers. False when it takes no more. */
  async take(chunk: Uint8Array): Promise<boolean> {
    const { stdin } = this.process;
    if (this.over.aborted || !stdin.writable) return false;
    if (!stdin.write(chunk)) await once(stdin, 'drain', { signal: this.over }).catch(() => {});
    return !this.over.aborted;
  }

  end(): void {
    this.process.stdin.end();
  }

  /** Until its lines are enough, or no more of them can come. */
  async untilSaid(enough: (said: readonly string[]) => boolean): Promise<void> {
    while (!this.over.aborted && !enough(this.said))
      await once(this.changed, 'change', { signal: this.over }).catch(() => {});
  }

  /** Until it has ended. */
  async untilOver(): Promise<void> {
    await this.untilSaid(() => false);
  }
}
