import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { configDirectory, dataDirectory } from '../config/directories.ts';
import type { Ask, Context } from '../context.ts';
import { exitCodeOf, type Failure, failed, type Result } from '../failure.ts';
import type { Outcome } from './outcome.ts';
import { buildProgram } from './program.ts';
import { eventLine, failureJson, failureLines } from './report.ts';
import type { Request, World } from './request.ts';
import { openScreen, type Screen } from './screen.ts';
import { terminalAsk } from './terminal.ts';

/** The program's edge: arguments, signals, the terminal, the one catch and the exit code. */

async function main(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  listenForSignals(interrupt);
  const asked = parse(args);
  if (typeof asked === 'number') return asked;
  if (!asked.ok) return print(asked, await openScreen({ json: args.includes('--json') }));
  const { options, run } = asked.value;
  const screen = await openScreen(options);
  interrupt.signal.addEventListener('abort', () => screen.progress?.end());
  const world = worldFor(options.configDir ?? null, screen, interrupt.signal);
  const outcome = await run(world).finally(() => screen.progress?.end());
  const code = print(outcome, screen);
  return interrupt.signal.aborted ? 130 : code;
}

/** The request, or the exit code where the command line was all there was to it (`--help`). */
function parse(args: readonly string[]): Result<Request> | number {
  const taken: Request[] = [];
  const program = buildProgram(ownVersion(), (request) => taken.push(request));
  const complaints: string[] = [];
  const quietErrors = { writeErr: (text: string) => void complaints.push(text) };
  for (const command of [program, ...program.commands, ...program.commands.flatMap((one) => one.commands)]) {
    command.configureOutput(args.length === 0 ? {} : quietErrors);
  }
  try {
    program.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return 0;
    // Without any arguments commander has printed the help already.
    if (args.length === 0) return 2;
    return failed(usageFailure(error, complaints.join(''), helpFor(program, args)));
  }
  const [request] = taken;
  return request === undefined ? 2 : { ok: true, value: request };
}

function usageFailure(error: CommanderError, complaint: string, hint: string): Failure {
  const isHelp = error.code === 'commander.help';
  const message = isHelp ? complaint.trim() : error.message.replace(/^error: /, '');
  return { kind: 'usage', message, hint };
}

/** The help of the command that was meant, as far as it can be told. */
function helpFor(program: Command, args: readonly string[]): string {
  const words = args.filter((arg) => !arg.startsWith('-'));
  const command = program.commands.find((one) => one.name() === words[0]);
  const inner = command?.commands.find((one) => one.name() === words[1]);
  return ['glidein', command?.name(), inner?.name(), '--help'].filter((word) => word !== undefined).join(' ');
}

function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function worldFor(configDir: string | null, screen: Screen, signal: AbortSignal): World {
  const context: Context = {
    signal,
    now: () => Date.now(),
    emit: (event) => {
      screen.progress?.take(event);
      const line = eventLine(event, screen.asides);
      if (line !== null) screen.say(line);
    },
    ask: screen.results.json ? null : askAside(terminalAsk(signal), screen),
  };
  return {
    context,
    configDir: configDirectory({ configDir }, process.env),
    dataDir: dataDirectory({ configDir }, process.env),
    readStdin,
    screen,
  };
}

/** A question has its line for itself. */
function askAside(ask: Ask | null, { progress }: Screen): Ask | null {
  if (ask === null || progress === null) return ask;
  return (question) => progress.asideUntil(() => ask(question));
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** Results to stdout, all else to stderr. */
function print(outcome: Result<Outcome>, screen: Screen): number {
  const { results, asides } = screen;
  if (!outcome.ok) {
    if (results.json) screen.write(`${JSON.stringify(failureJson(outcome.failure))}\n`);
    screen.say(failureLines(outcome.failure, siteIn(outcome.failure), asides));
    return exitCodeOf(outcome.failure);
  }
  const { json, text, aside, failures, exitCode } = outcome.value;
  const shown = results.json ? json && JSON.stringify(json) : text(results);
  if (shown !== null) screen.write(`${shown}\n`);
  if (aside !== undefined && !asides.quiet) screen.say(aside);
  for (const { site, failure } of failures) screen.say(failureLines(failure, site, asides));
  return exitCode;
}

function siteIn(failure: Failure): string | null {
  return 'site' in failure && failure.site !== '' ? failure.site : null;
}

/** The first signal asks for an orderly end; a second one does not wait for it. */
function listenForSignals(interrupt: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort();
    });
  }
  // Whoever reads our output may stop reading (`| head`); that is no error of ours. Without a reader of its results
  // what goes on for ever (`--watch`) ends.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (stream === process.stdout) interrupt.abort();
    });
  }
}

/** Ends once all output is written: a name look-up that was given up must not keep the program alive. */
function end(code: number): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
}

try {
  end(await main(process.argv.slice(2)));
} catch (bug) {
  const trace = bug instanceof Error ? (bug.stack ?? bug.message) : String(bug);
  process.stderr.write(`glidein: this is a bug, please report it with the lines below\n${trace}\n`);
  end(70);
}
