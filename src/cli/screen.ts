import type { ProgressLine } from './progress-line.ts';
import { forTerminal, type Printing, paint } from './report.ts';

/** Where the program writes: results to stdout, all else to stderr, and there, on a terminal, a live line of progress. */
export interface Screen {
  /** What stdout takes. */
  readonly results: Printing;
  /** What stderr takes. */
  readonly asides: Printing;
  /** Null where none is wanted. */
  readonly progress: ProgressLine | null;
  /** Writes to stdout, exactly; the live line is out of the way. */
  write(text: string | Uint8Array): void;
  /** A line for stderr. Words of remote machines in it steer no terminal. */
  say(text: string): void;
}

/** How the user wants to be told. */
export interface Manner {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
}

/** The screen for these options. The live line is loaded only where there is one. */
export async function openScreen(options: Manner): Promise<Screen> {
  const results = printingFor(options, process.stdout);
  const asides = printingFor(options, process.stderr);
  const progress = await progressFor(asides);
  const aside = (work: () => void) => (progress === null ? work() : progress.aside(work));
  return {
    results,
    asides,
    progress,
    write: (text) => aside(() => void process.stdout.write(text)),
    say: (text) => aside(() => void process.stderr.write(`${forTerminal(text)}\n`)),
  };
}

async function progressFor(asides: Printing): Promise<ProgressLine | null> {
  if (asides.columns === null || process.env['TERM'] === 'dumb') return null;
  if (asides.json || asides.quiet || asides.verbose) return null;
  const { openProgressLine } = await import('./progress-line.ts');
  return openProgressLine(
    process.stderr,
    () => performance.now(),
    (text) => paint('dim', text, asides),
  );
}

/** What the options and the stream itself allow. */
function printingFor(options: Manner, stream: NodeJS.WriteStream): Printing {
  const { json = false, quiet = false, verbose = false } = options;
  const isTerminal = stream.isTTY === true;
  const color = isTerminal && !json && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  return {
    json,
    quiet,
    verbose,
    color,
    unicode: isUtf8(process.env),
    // It changes with the window. A terminal that was never told its size says 0.
    get columns() {
      return isTerminal ? stream.columns || 80 : null;
    },
  };
}

/** Which of these counts is POSIX's rule: the first that is set and not empty. */
function isUtf8(env: NodeJS.ProcessEnv): boolean {
  return /utf-?8/i.test(env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '');
}
