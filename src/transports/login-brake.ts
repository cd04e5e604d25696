import type { Failure } from '../failure.ts';

/** How a try to log in went. What ended before the handshake, or was refused on our side, is none. */
export type LoginEnd =
  | { kind: 'logged in' }
  /** The server closed, or did not answer, between its greeting and the login. */
  | { kind: 'dropped'; reason: string }
  /** The server answered, and let us not in. */
  | { kind: 'refused'; reason: string };

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
