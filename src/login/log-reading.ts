import { randomBytes } from 'node:crypto';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { Exit, RemoteProcess, Transport } from '../transports/transport.ts';
import { type LogOver, type LogReport, type LogRequest, readLogCommand, readLogReport } from './pilot-log.ts';
import { startCommand } from './shell-session.ts';

/** How a log gets here: one program on one channel, whose reports are handed on as they come. */

/** A start-up file that reads stdin gets empty lines. */
const nudgeMilliseconds = 1000;
/** The longest report has less than 300 kB; what is longer is noise. */
const longestLine = 1024 * 1024;

export interface LogReading {
  site: string;
  request: LogRequest;
  /** How long the login host may be silent. A follower reports at every look. */
  patienceSeconds: number;
}

/** Reads a log until the program there has ended. What was reported before a failure was handed to `heard` all the same. */
export async function readLog(
  transport: Transport,
  reading: LogReading,
  heard: (report: LogReport) => void,
  context: Context,
): Promise<Result<LogOver>> {
  context.emit({ kind: 'step', site: reading.site, step: 'logs' });
  const closing = new AbortController();
  const signal = AbortSignal.any([context.signal, closing.signal]);
  // New for every run: nobody who writes a log or a start-up file can know it.
  const mark = randomBytes(9).toString('hex');
  const started = await startCommand(transport, readLogCommand(reading.request, mark), signal);
  if (!started.ok) return started;
  const end = await listen(started.value, mark, reading.patienceSeconds, heard, context.signal);
  // Should the program still run, its next report ends it: nobody reads it any more.
  closing.abort();
  return verdict(end, reading);
}

type End =
  | { kind: 'over'; why: LogOver }
  | { kind: 'exit'; exit: Exit; wasReady: boolean; said: string }
  | { kind: 'spoiled' }
  | { kind: 'late' }
  | { kind: 'interrupted' };

function listen(
  process: RemoteProcess,
  mark: string,
  patienceSeconds: number,
  heard: (report: LogReport) => void,
  signal: AbortSignal,
): Promise<End> {
  return new Promise((resolve) => {
    let isOver = false;
    let wasReady = false;
    let said = '';
    const end = (one: End) => {
      isOver = true;
      clearInterval(nudge);
      clearTimeout(patience);
      signal.removeEventListener('abort', interrupt);
      resolve(one);
    };
    const interrupt = () => end({ kind: 'interrupted' });
    const nudge = setInterval(() => process.stdin.write('\n'), nudgeMilliseconds);
    const patience = setTimeout(() => end({ kind: 'late' }), patienceSeconds * 1000);
    signal.addEventListener('abort', interrupt, { once: true });
    const lines = new Lines((line) => {
      const report = isOver ? null : readLogReport(line, mark);
      if (report === null) return;
      patience.refresh();
      if (report.kind === 'ready') clearInterval(nudge);
      wasReady = true;
      heard(report);
      if (report.kind === 'over' || report.kind === 'spoiled') end(report);
    });
    process.stdout.on('data', (chunk: Buffer) => lines.add(chunk));
    process.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-400);
    });
    for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', () => {});
    // Its last words may still be on their way here when its end is known.
    if (signal.aborted) interrupt();
    const closed = new Promise((done) => process.stdout.once('close', done).once('end', done));
    void Promise.all([process.exited, closed]).then(([exit]) => {
      if (!isOver) end({ kind: 'exit', exit, wasReady, said });
    });
  });
}

const step = 'reading the log';

function verdict(end: End, { site, patienceSeconds }: LogReading): Result<LogOver> {
  switch (end.kind) {
    case 'over':
      return ok(end.why);
    case 'interrupted':
      return failed({ kind: 'interrupted' });
    case 'late':
      return failed({ kind: 'timed-out', site, step, seconds: patienceSeconds });
    case 'spoiled':
      return failed({ kind: 'connection-lost', site, step, reason: 'what arrived is not what was sent' });
    case 'exit':
      return failed(exitFailure(end, site));
  }
}

function exitFailure({ exit, wasReady, said }: End & { kind: 'exit' }, site: string): Failure {
  if (exit.kind === 'lost') return { kind: 'connection-lost', site, step, reason: exit.reason };
  const how = exit.kind === 'exited' ? `ended with ${exit.code}` : `got ${exit.signal}`;
  if (wasReady) return { kind: 'connection-lost', site, step, reason: `the program there ${how}` };
  const hint = 'Needed there: /bin/sh, base64 and coreutils.';
  const what = `the shell ${how} before it read the log`;
  return { kind: 'login-host-unusable', site, what, said: said.trim(), hint };
}

/** Cuts what arrives into lines; one that is longer than any report is not kept. */
class Lines {
  private held = '';
  private readonly take: (line: string) => void;

  constructor(take: (line: string) => void) {
    this.take = take;
  }

  add(chunk: Buffer): void {
    const lines = (this.held + chunk.toString('latin1')).split('\n');
    this.held = lines.pop() ?? '';
    for (const line of lines) this.take(line);
    if (this.held.length > longestLine) this.held = '';
  }
}
