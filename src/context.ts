import type { Failure } from './failure.ts';

/** What a command may ask of the world besides its own input: built once, in `cli/main.ts`, and handed down. */
export interface Context {
  /** Aborts when the user interrupts. Whatever waits must stop waiting. */
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch, by this machine's clock. */
  now(): number;
  /** Progress and log lines; `cli/report.ts` decides what is shown. Never carries a secret. */
  emit(event: Event): void;
  /** Asks the person at the terminal; null where there is none (cron, pipes, `--json`). */
  readonly ask: Ask | null;
}

/**
 * One question to a person. Answers null when the person declines (empty line, end of input, interrupt), or when `until`
 * aborts: nobody waits for the answer any more. `otherwise`: what an empty line is the answer for, which then is no refusal.
 */
export type Ask = (question: {
  text: string;
  hidden: boolean;
  until?: AbortSignal;
  otherwise?: string;
}) => Promise<string | null>;

export type Event =
  /** Work on a site begins or is over: between the two, its steps say what it waits for. */
  | { kind: 'site-begins'; site: string }
  | { kind: 'site-ends'; site: string }
  /** A named step of a pass begins; `--verbose` shows them, fault tests kill at them. */
  | { kind: 'step'; site: string; step: Step; detail?: string; moved?: Moved }
  /** `needsYou`: somebody has to do something about it; shown with `--quiet`, too. */
  | { kind: 'warning'; site: string | null; text: string; needsYou?: true }
  /** Something beside the work itself failed, and the work goes on without it. Shown with `--quiet`, too. */
  | { kind: 'mishap'; site: string | null; text: string; failure: Failure }
  | { kind: 'note'; site: string | null; text: string }
  /** What a person who waits should know of it. */
  | { kind: 'waiting'; site: string; text: string };

/** How much of something large is where it is to be, at the moment of the event. */
export interface Moved {
  bytes: number;
  of: number;
}

/** The steps of a pass, in their order. */
export type Step =
  | 'connect'
  | 'handshake'
  | 'hello'
  | 'lock'
  | 'list'
  | 'settle'
  | 'discover'
  | 'token'
  | 'ship'
  | 'build'
  | 'fence'
  | 'intent'
  | 'submit'
  | 'outcome'
  | 'cancel'
  | 'node'
  | 'logs'
  | 'report';
