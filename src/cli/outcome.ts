import type { Failure } from '../failure.ts';
import type { Printing } from './report.ts';

/** What a command came to, ready to be printed: as JSON, or as text. */
export interface Outcome {
  /** null: all was printed on the way. */
  json: object | null;
  /** For stdout; null when there is nothing to say. */
  text(printing: Printing): string | null;
  /** For stderr, with both. */
  aside?: string;
  failures: readonly { site: string | null; failure: Failure }[];
  exitCode: number;
}

/** An outcome without failures. */
export function done(json: object, text: string | null, aside?: string): Outcome {
  return { json, text: () => text, ...(aside === undefined ? {} : { aside }), failures: [], exitCode: 0 };
}

/** The outcome of a command that prints as it goes. */
export const shownAlready: Outcome = { json: null, text: () => null, failures: [], exitCode: 0 };
