import type { RefusalClass } from '../failure.ts';

/**
 * One batch system, as text: builds command lines, reads their output. Knows nothing of SSH, files or time.
 *
 * Command lines are for a POSIX `sh` on the login host, which wraps each in `timeout` and has unset the variables of
 * `defaultsPrefixes` before.
 */
export interface Scheduler {
  readonly kind: string;
  /** Environment variables with these prefixes change what the clients do; they are unset before every call. */
  readonly defaultsPrefixes: readonly string[];
  /**
   * The clients that it cannot do without, and a command whose first line of output tells its version. `versionSays`: what
   * it does so by, where another batch system has clients of the same names.
   */
  readonly clients: {
    readonly needed: readonly string[];
    readonly versionCommand: string;
    readonly versionSays?: RegExp;
  };
  /** What of a profile's `scheduler` it takes in its own way. */
  readonly keys: SchedulerKeys;
  /** The directive lines of the script, without their `#SBATCH`-like prefix. A value with a newline never gets here. */
  directives(job: BatchJob): readonly string[];
  /**
   * Why a directive, the user's own ones too, would be read as something else than it says; null: it is carried exactly.
   * What has a line break, or a blank at an end, never gets here (directive-line.ts).
   */
  directiveRefusal(line: string): string | null;
  /** Gets the script on stdin. */
  submitCommand(job: BatchJob, submission: Submission): string;
  parseSubmit(output: Output): SubmitOutcome;
  listCommand(query: ListQuery): string;
  parseList(output: Output, query: ListQuery): Listing;
  /** Asks for pilots by their ids, past the listing: one that is missing there may still exist. */
  askCommand(ids: readonly string[]): string;
  /** What the scheduler said of each; an id that is not in it got no clear answer. */
  parseAsk(output: Output): ReadonlyMap<string, 'exists' | 'gone'>;
  /** Ends pilots, the hard way. Never called with no ids: with none, some clients end everything. */
  cancelCommand(ids: readonly string[], options: { onlyPending: boolean }): string;
  parseCancel(output: Output, ids: readonly string[]): CancelOutcome;
  /**
   * Tells the job's own shell, and nothing that it started, to end running pilots in order. Null: this batch system
   * cannot, and `cancelCommand` is the only way. Never called with no ids.
   */
  endCommand(ids: readonly string[]): string | null;
  /** What is over meanwhile was not refused. */
  parseEnd(output: Output): CancelOutcome;
  /** Asks what the queues offer and allow. One program, read-only, cheap enough for a login node once a day. */
  discoverCommand(): string;
  /** `unknown` where the answer is not understood: nothing is ever refused because of that. */
  parseDiscovery(output: Output): Discovery;
  /** Asks the accounting for jobs of this name that ended since then (the scheduler's clock). */
  finishedCommand(query: { jobName: string; sinceSeconds: number }): string;
  /** `unknown` where there is no accounting, or its answer is not understood. */
  parseFinished(output: Output, query: { site: string }): Finished;
  /** A listed job's reason in words a person understands, with what to do where something can be done; null: no better words. */
  explain(reason: string): string | null;
  /** The index of an array's first pilot. */
  readonly firstIndex: number;
  /** Whether it has no word for all cores of a node where this is asked: without a number it would grant one. Left out: it has. */
  needsCores?(job: BatchJob): boolean;
  /** Whether its directives keep this job off the nodes of `avoid`. Left out: it has no words for that. */
  avoidsNodes?(job: BatchJob): boolean;
  /**
   * The id of one pilot, as the scheduler's own commands take it. Where one pilot is no array even at a site with arrays,
   * its submission's id says so, and the index is left out of it.
   */
  pilotId(submissionId: string, index: number | null): string;
  /** The id a submission was answered with, from the id of one of its pilots. */
  submissionIdOf(pilotId: string): string;
}

/** Keys of a profile's `scheduler` that are not the same for every batch system. */
export interface SchedulerKeys {
  /** The values it has words for; of a key that is not here it takes the usual value only. */
  readonly choices: {
    /** `none` is always possible. */
    readonly gpuOption: readonly [string, ...string[]];
    readonly resourceStyle?: readonly BatchJob['resourceStyle'][];
    readonly submitBy?: readonly BatchJob['submitBy'][];
  };
  /** Keys it has no word for, each with what a message says behind the key's name: what does instead. */
  readonly without: { readonly [key in 'qos' | 'project' | 'reservation' | 'gpuType' | 'nodesPerJob']?: string };
  /** Its options that set these, by any of their names: what a user's own directive sets is not judged. */
  readonly optionsThatSet: Readonly<Record<Judged, readonly string[]>>;
}

/** What is compared with the queues before anything is submitted. */
export type Judged = 'queue' | 'walltime' | 'nodes' | 'cores' | 'memory' | 'gpus' | 'account';

/** What a finished command left. `code` 124: it was timed out. */
export interface Output {
  stdout: string;
  stderr: string;
  code: number;
}

/** What every pilot of a site asks of its batch system. */
export interface BatchJob {
  /** Legible, ≤ 15 characters, starts with a letter, `[A-Za-z0-9-]`. */
  name: string;
  /** Whole minutes are all that every scheduler can express; seconds are rounded up by the dialect. */
  walltimeSeconds: number;
  queue: string | null;
  account: string | null;
  project: string | null;
  qos: string | null;
  constraint: string | null;
  reservation: string | null;
  /** Nodes of one job; each gets a pilot. */
  nodes: number;
  /** Of each node; null: all of it. */
  cores: number | null;
  /** Of each node; null: all of it. */
  memoryMB: number | null;
  /** Of each node. */
  gpus: number;
  /** As the scheduler names them (`a100`); null: any. */
  gpuType: string | null;
  /** How GPUs are asked for, by the scheduler's own word; `none`: not by us. null: the scheduler's usual one. */
  gpuOption: string | null;
  /** How PBS is asked for resources: in chunks, or in the form before 2005 that some sites still want. */
  resourceStyle: 'select' | 'legacy';
  /** Whether LSF reads the script from stdin or is given its path. */
  submitBy: 'stdin' | 'file';
  /** Directives of the user's own, verbatim, one line each. */
  extra: readonly string[];
  /** Options (by name, no dashes) that must not be emitted here. */
  skip: readonly string[];
  /** Nodes on which pilots die: none of it is to run there, where the scheduler can see to that (`avoidsNodes`). */
  avoid: readonly string[];
}

export interface Submission {
  tag: string;
  /** Jobs in it. */
  count: number;
  /** Where the site knows no arrays, each pilot is a submission of its own and \`count\` is 1. */
  array: boolean;
  /** A shell word: the directory for the batch system's own output, on a file system the nodes see. */
  logDirWord: string;
  /** A shell word: where the script lies on the login host, for a client that wants its path. */
  scriptWord: string;
}

export type SubmitOutcome =
  | { kind: 'accepted'; id: string }
  | { kind: 'refused'; refusal: RefusalClass; text: string }
  /** The scheduler may or may not have taken it. */
  | { kind: 'inDoubt'; text: string };

export interface ListQuery {
  /** Whose tags are looked for. */
  site: string;
  jobName: string;
  /**
   * Asked for in another form and order, so that a first listing that lost lines is seen to disagree with it. Only when
   * something is missing.
   */
  secondLook: boolean;
}

/** A listing is complete or it is nothing. It holds finished jobs too, as far as the scheduler still knows them. */
export type Listing = { kind: 'complete'; jobs: readonly ListedJob[] } | { kind: 'incomplete'; reason: string };

/** `finished`: it will not run (again). `ending`: it is on its way out and no longer counts. */
export type JobState = 'pending' | 'running' | 'held' | 'suspended' | 'ending' | 'finished' | 'unknown';

export interface ListedJob {
  /** As the scheduler's own commands take it: `123`, `123_4`. */
  id: string;
  /** The id the submission was answered with: `123`. */
  submissionId: string;
  index: number | null;
  state: JobState;
  /** The scheduler's own words, or null. */
  reason: string | null;
  /** As it was given at submission; null where the site erased it. */
  tag: string | null;
  nodes: number;
  /** The node it runs on, or null. */
  node: string | null;
  /** Seconds since the epoch by the scheduler's clock; null when it does not say. */
  submittedAt: number | null;
  startedAt: number | null;
  endsAt: number | null;
  /** How it ended, in the scheduler's own word (`FAILED`); left out where it is not over, or the listing does not say. */
  ended?: string;
}

export type CancelOutcome = { kind: 'done' } | { kind: 'refused'; text: string };

/** What a site's queues offer, as the scheduler describes them. */
export type Discovery =
  | { kind: 'known'; queues: readonly Queue[]; limits: SubmitLimits }
  | { kind: 'unknown'; reason: string };

export interface Queue {
  name: string;
  isDefault: boolean;
  /** It takes jobs and starts them. */
  isOpen: boolean;
  nodes: number;
  /** The largest that any node of the queue has; null where the scheduler does not say. */
  coresPerNode: number | null;
  memoryMBPerNode: number | null;
  gpusPerNode: number;
  /** As the scheduler names it (`a100`); null where it has no name or there is none. */
  gpuType: string | null;
  /** Every kind that the scheduler has a name for, as far as its nodes are shown. */
  gpuTypes: readonly string[];
  /** null: no limit is set. */
  maxWalltimeSeconds: number | null;
  /** Nodes one job may have at most; null: no limit is set. */
  maxNodesPerJob: number | null;
  /** Jobs a user may have in it at a time, waiting or running; null: it sets no such limit of its own, or none is known. */
  maxSubmitJobs: number | null;
  /** The highest number of pilots in one array; null: it sets no such limit of its own. */
  maxArraySize: number | null;
}

/** What a user may submit, whatever the queue; null: no such limit is known. */
export interface SubmitLimits {
  /** The highest number of pilots in one array. */
  maxArraySize: number | null;
  /** Jobs a user may have queued or running at a time, with the account and QOS that allow most: never too little. */
  maxSubmitJobs: number | null;
  /** Jobs the whole cluster holds at a time. */
  maxJobsOfCluster: number | null;
  /** The accounts this user may charge; null where the scheduler does not say. */
  accounts: readonly string[] | null;
}

export type Finished = { kind: 'known'; jobs: readonly FinishedJob[] } | { kind: 'unknown'; reason: string };

/** One pilot's end, as the accounting has it. */
export interface FinishedJob {
  id: string;
  submissionId: string;
  index: number | null;
  tag: string | null;
  node: string | null;
  /** null where a signal ended it. */
  exitCode: number | null;
  signal: number | null;
  /** The scheduler's own word: `COMPLETED`, `TIMEOUT`, `NODE_FAIL`… */
  state: string;
  /** Seconds since the epoch, by the scheduler's clock; `startedAt` is null when it never ran. */
  startedAt: number | null;
  endedAt: number | null;
}
