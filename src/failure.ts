/**
 * The failures a user can meet, as values. Nothing here is thrown: an exception is a bug, a `Failure` is an answer.
 * Each kind carries only what its message needs; `cli/report.ts` is the one place that words them.
 */
export type Failure =
  | { kind: 'usage'; message: string; hint?: string }
  | { kind: 'profile-missing'; site: string; known: readonly string[] }
  | { kind: 'profile-invalid'; site: string | null; file: string | null; mistakes: readonly Mistake[] }
  /** A local file that cannot be read as what it should be. Nothing of ours overwrites it. `line` counts from 1. */
  | { kind: 'file-broken'; file: string; line: number | null; reason: string }
  | { kind: 'file-unusable'; file: string; reason: string }
  /** Another process held the file's lock for longer than we wait. */
  | { kind: 'file-busy'; file: string }
  | { kind: 'template-invalid'; template: string; line: number | null; reason: string }
  /** A value that cannot be carried into the job exactly as it is, so it is not carried at all. */
  | { kind: 'value-refused'; site: string; key: string; reason: string }
  | { kind: 'token-unusable'; site: string; file: string; problem: TokenProblem; detail: string }
  /** No session with the login host came about; nothing was done there. */
  | { kind: 'unreachable'; site: string; target: string; stage: ConnectStage; reason: string; hint?: string }
  | { kind: 'host-key-unknown'; site: string; host: string; port: number; fingerprint: string; hint: string }
  | {
      kind: 'host-key-changed';
      site: string;
      host: string;
      port: number;
      fingerprint: string;
      known: string;
      hint: string;
    }
  /** Something only a person can answer was asked for, and there is no terminal. */
  | { kind: 'needs-terminal'; site: string; what: string; hint: string }
  /** The login host lets in only who answers its questions, or has let us not in: until a person has logged in, nobody tries. */
  | { kind: 'login-needed'; site: string; target: string; why: string; hint?: string }
  | { kind: 'connection-lost'; site: string; step: string; reason: string }
  | { kind: 'timed-out'; site: string; step: string; seconds: number }
  /** The login host answered, but cannot do what a pass needs (no usable shell, directory, disk). */
  | { kind: 'login-host-unusable'; site: string; what: string; said: string; hint?: string }
  | { kind: 'lock-busy'; site: string; holder: string; waitedSeconds: number }
  /** Other passes kept winning the fence. */
  | { kind: 'fence-lost'; site: string; tries: number }
  | { kind: 'listing-incomplete'; site: string; command: string; said: string }
  | { kind: 'submit-refused'; site: string; refusal: RefusalClass; said: string; hint?: string }
  /** A submission whose outcome nobody knows yet. */
  | { kind: 'in-doubt'; site: string; tag: string; said: string }
  | { kind: 'cancel-refused'; site: string; said: string }
  | { kind: 'pilot-unknown'; site: string; id: string }
  | { kind: 'image-missing'; site: string; path: string }
  /** The CVMFS distribution of the profile is neither at this path of this machine nor, under the profile's name for it, on the login host. */
  | { kind: 'distribution-missing'; site: string; here: string; there: string }
  /** The login host's disk has not the room for what was to be sent. */
  | {
      kind: 'no-space';
      site: string;
      what: string;
      directory: string;
      neededBytes: number;
      freeBytes: number;
      /** The compute node whose directory it is, and the key that names another; left out: the login host's. */
      node?: { name: string; key: 'image.dir' | 'pilot.scratch' };
    }
  /** No image of this name was built and is kept on this machine. `site` names it in its profile; null: a person did. */
  | { kind: 'image-unknown'; site: string | null; name: string; known: readonly string[] }
  /** Nothing on this machine can build an image. `looked` says where it was looked for. */
  | { kind: 'builder-missing'; looked: string }
  /** The build came to nothing and left nothing. `site`: on whose login host; null: here. `said`: the last words of the program that built. */
  | { kind: 'build-failed'; site: string | null; name: string; source: string; said: string; hint?: string }
  /** A disk of this machine has not the room for what was to be made. */
  | { kind: 'no-space-here'; what: string; directory: string; neededBytes: number; freeBytes: number }
  /** What arrived is not what was sent; it was thrown away. */
  | { kind: 'delivery-broken'; site: string; what: string; path: string }
  /** The queue as the scheduler describes it cannot run this job: said before a submission fails, or waits for ever. */
  | { kind: 'queue-unfit'; site: string; queue: string | null; mistakes: readonly Mistake[] }
  /** More jobs than a user may have there were not tried: `most` at a time, and `there` of the site's are. */
  | { kind: 'queue-full'; site: string; where: string; most: number; there: number; wanted: number }
  /** No pilot of the site has left a log yet, or not this one. `id` is null where none was named. */
  | { kind: 'log-missing'; site: string; id: string | null; directory: string; hint?: string }
  /** The program that keeps a person's table of what cron runs said no. */
  | { kind: 'cron-refused'; program: string; said: string }
  /** The demo cannot run on this machine. */
  | { kind: 'demo-impossible'; reason: string; hint: string }
  | { kind: 'interrupted' };

/** One mistake in a profile; `key` is dotted (`pilot.owners`), empty for the file as a whole. */
export interface Mistake {
  key: string;
  message: string;
}

export type ConnectStage = 'configuration' | 'resolve' | 'connect' | 'handshake' | 'login' | 'shell';
export type TokenProblem = 'missing' | 'unreadable' | 'too-open' | 'not-a-token' | 'expired' | 'expiring';

/**
 * Why a scheduler said no. `permanent`: asking again changes nothing. `capacity`: ask for less, or later.
 * `transient`: ask again later.
 */
export type RefusalClass = 'permanent' | 'capacity' | 'transient';

export type Result<T> = { ok: true; value: T } | { ok: false; failure: Failure };

/** A success that carries `value`. */
export function ok<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

/** A failure as a `Result`. */
export function failed(failure: Failure): { ok: false; failure: Failure } {
  return { ok: false, failure };
}

/** The process exit code of a failure (docs/design.md, "Exit codes"). */
export function exitCodeOf(failure: Failure): 1 | 2 | 3 | 130 {
  switch (failure.kind) {
    case 'submit-refused':
      return failure.refusal === 'transient' ? 3 : 1;
    case 'cancel-refused':
    case 'queue-full':
      return 1;
    case 'usage':
    case 'profile-missing':
    case 'profile-invalid':
    case 'file-broken':
    case 'file-unusable':
    case 'template-invalid':
    case 'value-refused':
    case 'token-unusable':
    case 'pilot-unknown':
    case 'image-missing':
    case 'image-unknown':
    case 'builder-missing':
    case 'distribution-missing':
    case 'queue-unfit':
    case 'log-missing':
    case 'cron-refused':
    case 'demo-impossible':
      return 2;
    case 'interrupted':
      return 130;
    default:
      return 3;
  }
}
