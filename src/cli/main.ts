import { readFileSync } from 'node:fs';
import module from 'node:module';
import { type Command, CommanderError } from 'commander';
import { configDirectory, dataDirectory } from '../config/directories.ts';
import type { Context } from '../context.ts';
import { exitCodeOf, type Failure, failed, type Result } from '../failure.ts';
import type { Outcome } from './outcome.ts';
import { buildProgram, type Request, type World } from './program.ts';
import { eventLine, failureJson, failureLines, forTerminal, type Printing } from './report.ts';
import { terminalAsk } from './terminal.ts';

/** The program's edge: arguments, signals, the terminal, the one catch and the exit code. */

// Node 22.8 and later; the floor is 20.19.
(module as { enableCompileCache?: () => void }).enableCompileCache?.();

async function main(args: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  listenForSignals(interrupt);
  const asked = parse(args);
  if (typeof asked === 'number') return asked;
  if (!asked.ok) return print(asked, printingFor({ json: args.includes('--json') }));
  const { options, run } = asked.value;
  const printing = printingFor(options);
  const outcome = await run(worldFor(options.configDir ?? null, printing, interrupt.signal));
  const code = print(outcome, printing);
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

function printingFor(options: { json?: boolean; quiet?: boolean; verbose?: boolean }): Printing {
  const { json = false, quiet = false, verbose = false } = options;
  return { json, quiet, verbose, color: process.stderr.isTTY === true && !process.env['NO_COLOR'] && !json };
}

function worldFor(configDir: string | null, printing: Printing, signal: AbortSignal): World {
  const context: Context = {
    signal,
    now: () => Date.now(),
    emit: (event) => {
      const line = eventLine(event, printing);
      if (line !== null) say(line);
    },
    ask: printing.json ? null : terminalAsk(signal),
  };
  return {
    context,
    configDir: configDirectory({ configDir }, process.env),
    dataDir: dataDirectory({ configDir }, process.env),
    readStdin,
  };
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

/** Results to stdout, all else to stderr. */
function print(outcome: Result<Outcome>, printing: Printing): number {
  if (!outcome.ok) {
    if (printing.json) out(JSON.stringify(failureJson(outcome.failure)));
    say(failureLines(outcome.failure, siteIn(outcome.failure), printing));
    return exitCodeOf(outcome.failure);
  }
  const { json, text, aside, failures, exitCode } = outcome.value;
  const shown = printing.json ? JSON.stringify(json) : text(printing);
  if (shown !== null) out(shown);
  if (aside !== undefined && !printing.quiet) say(aside);
  for (const { site, failure } of failures) say(failureLines(failure, site, printing));
  return exitCode;
}

function siteIn(failure: Failure): string | null {
  return 'site' in failure && failure.site !== '' ? failure.site : null;
}

function out(text: string): void {
  process.stdout.write(`${text}\n`);
}

function say(text: string): void {
  process.stderr.write(`${forTerminal(text)}\n`);
}

/** The first signal asks for an orderly end; a second one does not wait for it. */
function listenForSignals(interrupt: AbortController): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interrupt.signal.aborted) process.exit(130);
      interrupt.abort();
    });
  }
  // Whoever reads our output may stop reading (`| head`); that is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
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
