import type { Failure } from '../failure.ts';

/** How a try to log in went. What ended before the handshake, or was refused on our side, is none. */
export type LoginEnd =
  /** `person`: what somebody had to give for it; null: nothing. */
  | { kind: 'logged in'; person: PersonNeeded | null }
  /** The server closed, or did not answer, between its greeting and the login. */
  | { kind: 'dropped'; reason: string }
  /** The server answered, and let us not in. `person`: for want of this, which nobody was there to give; null: not so. */
  | { kind: 'refused'; reason: string; person: PersonNeeded | null };

/** What only a person can give, for each login anew: without one a further try can but fail. */
export interface PersonNeeded {
  /** In words: `a code or password`. */
  what: string;
  /** What to type so that later logins need nobody. */
  remedy: string;
}

/** Keeps tries that come too soon, or that cannot but fail, from a server that locks out who makes them. */
export interface LoginBrake {
  /** Asked before a new connection. null: go ahead; else what to answer instead of connecting. */
  holds(): Promise<Failure | null>;
  /** Told once for each new connection that came to a handshake. */
  learn(end: LoginEnd): Promise<void>;
}

/** Remembers nothing and holds nothing up. */
export const noBrake: LoginBrake = {
  holds: async () => null,
  learn: async () => {},
};
