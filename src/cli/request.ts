import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import type { Outcome } from './outcome.ts';
import type { Screen } from './screen.ts';

/** What a command line asks for, and what it is given when it runs. */

/** What every command accepts, before or after its name. */
export interface GlobalOptions {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  configDir?: string;
}

/** What a command line asks for. */
export interface Request {
  options: GlobalOptions;
  run: Run;
}

/** Runs a command; what it is to do is settled. */
export type Run = (world: World) => Promise<Result<Outcome>>;

/** What `cli/main.ts` builds once: the context, and where profiles and history are. */
export interface World {
  context: Context;
  configDir: string;
  dataDir: string;
  /** All of standard input, for `site import -`. */
  readStdin(): Promise<string>;
  /** For commands that print as they go. */
  screen: Screen;
}
