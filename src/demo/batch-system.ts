/**
 * A batch system with its nodes, its queue and its jobs, in this process. It knows nothing of any scheduler's commands
 * or words: an adapter puts those on top. One job has one node for itself.
 */

export interface ClusterDescription {
  name: string;
  nodes: readonly string[];
  coresPerNode: number;
  memoryMBPerNode: number;
  /** The first is the default. */
  queues: readonly { name: string; maxWalltimeSeconds: number }[];
  /** Tasks of one array at most. */
  maxArraySize: number;
}

export interface BatchSystemOptions {
  cluster: ClusterDescription;
  startJob: StartJob;
  /** Milliseconds between two looks at the queue; null: jobs start only when `startNow` says so. */
  scheduleEveryMs: number | null;
  /** How long a job has between two signals that are to end it. */
  killWaitMs: number;
  /** The signals that end a job that runs, the last of which none survives. TERM and KILL when absent. */
  endSignals?: (ending: Ending) => readonly EndSignal[];
  /** Tasks of an array that are set apart take a number of their own. True when absent. */
  numbersTasks?: boolean;
  /** How long a job that is over is still listed. */
  rememberMs: number;
  /** The number of the first submission. */
  firstNumber: number;
  /** Milliseconds since the epoch. This machine's clock when absent. */
  now?: () => number;
}

/** Starts a job's program; `job.node` is set. */
export type StartJob = (job: Job) => RunningProgram;

export interface RunningProgram {
  /** Settles when it has ended and nothing of it is left. */
  exited: Promise<ProgramEnd>;
  /** To every process of it. */
  send(signal: EndSignal): void;
  /** SIGTERM, to the shell that runs the script and nothing that it started. */
  tellShell(): void;
}

export type EndSignal = 'SIGINT' | 'SIGUSR2' | 'SIGTERM' | 'SIGKILL';

export interface ProgramEnd {
  /** null where a signal ended it. */
  exitCode: number | null;
  signal: string | null;
}

export interface JobRequest {
  name: string;
  comment: string | null;
  queue: string;
  script: string;
  directory: string;
  walltimeSeconds: number | null;
  held: boolean;
  /** The tasks of an array; null: one plain job. */
  indices: readonly number[] | null;
  /** Why no job of it can ever start, in the adapter's own word; null: nothing stands in its way. */
  blockedBy: string | null;
  /** Nodes that it must not run on. Absent: there are none. */
  avoids?: readonly string[];
  /** The variable with the path of a file that has the job's nodes, a line each. Absent: there is no such file. */
  nodeFileVariable?: string;
  /** What else the adapter wants to show of it again, by its own names. */
  details?: Readonly<Record<string, string>>;
  /** What the adapter's system puts into a job's environment, on top of the node's own. */
  environment(job: Job): Readonly<Record<string, string>>;
  /** Where the job's stdout and stderr go. */
  outputFile(job: Job): string;
}

export type JobState = 'waiting' | 'running' | 'ending' | 'over';
export type Ending = 'done' | 'failed' | 'cancelled' | 'out of time' | 'node lost';

/** One task of an array, or one plain job. Times are milliseconds since the epoch. */
export interface Job {
  readonly submission: number;
  readonly index: number | null;
  readonly request: JobRequest;
  readonly submittedAt: number;
  /** Before that, nobody is told of it and it does not start. */
  readonly visibleFrom: number;
  /** A number of its own, or its submission's; null while it is one of its array's waiting tasks. */
  number: number | null;
  state: JobState;
  held: boolean;
  /** How it ended, or will have ended once its processes are gone. */
  ending: Ending | null;
  exitCode: number | null;
  signal: string | null;
  node: string | null;
  startedAt: number | null;
  endedAt: number | null;
}

interface Node {
  name: string;
  isUp: boolean;
  job: Job | null;
}

export class BatchSystem {
  readonly cluster: ClusterDescription;
  private readonly options: BatchSystemOptions;
  private readonly nodes: Node[];
  private readonly all: Job[] = [];
  private readonly programs = new Map<Job, RunningProgram>();
  private readonly timers = new Set<NodeJS.Timeout>();
  private nextNumber: number;
  private stopped = false;

  constructor(options: BatchSystemOptions) {
    this.options = options;
    this.cluster = options.cluster;
    this.nodes = options.cluster.nodes.map((name) => ({ name, isUp: true, job: null }));
    this.nextNumber = options.firstNumber;
    const every = options.scheduleEveryMs;
    if (every !== null) this.timers.add(setInterval(() => this.schedule(), every));
  }

  /** Takes a job or an array, and gives its number. */
  submit(request: JobRequest, appearsAfterSeconds = 0): number {
    const submission = this.takeNumber();
    const now = this.now();
    for (const index of request.indices ?? [null]) {
      this.all.push({
        submission,
        index,
        request,
        submittedAt: now + appearsAfterSeconds * 1000,
        visibleFrom: now + appearsAfterSeconds * 1000,
        number: index === null ? submission : null,
        state: 'waiting',
        held: request.held,
        ending: null,
        exitCode: null,
        signal: null,
        node: null,
        startedAt: null,
        endedAt: null,
      });
    }
    return submission;
  }

  /** The jobs that the system tells of, in the order of their submission: what ended long ago is not among them. */
  jobs(): readonly Job[] {
    const oldest = this.now() - this.options.rememberMs;
    return this.history().filter((job) => job.endedAt === null || job.endedAt >= oldest);
  }

  /** Every job there ever was, as an accounting keeps them. */
  history(): readonly Job[] {
    const now = this.now();
    return this.all.filter((job) => job.visibleFrom <= now);
  }

  /** Every job that has not ended, also those that nobody is told of yet: what tests count. */
  alive(): readonly Job[] {
    return this.all.filter((job) => job.state !== 'over');
  }

  nodeStates(): readonly { name: string; isUp: boolean; job: Job | null }[] {
    return this.nodes;
  }

  /** A waiting job is not started until it is released; one that runs, runs on. */
  hold(job: Job): void {
    if (job.state === 'over') return;
    job.held = true;
    if (job.state === 'waiting') this.setApart(job);
  }

  release(job: Job): void {
    job.held = false;
  }

  /** Ends a job: at once where it waits, else with friendly signals and a last one some time later. */
  cancel(job: Job): void {
    if (job.state === 'waiting') this.close(job, 'cancelled');
    else if (job.state === 'running') this.end(job, 'cancelled');
  }

  /** Sends the friendly signal to the job's own shell. What it does about that is its own business. */
  tellShell(job: Job): void {
    this.programs.get(job)?.tellShell();
  }

  /** A node dies, with whatever runs on it. Gives the job that died, or null. */
  loseNode(name: string): Job | null {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) return null;
    node.isUp = false;
    const job = node.job;
    if (job === null) return null;
    job.ending = 'node lost';
    this.programs.get(job)?.send('SIGKILL');
    this.close(job, 'node lost');
    return job;
  }

  /** Starts a waiting job now, on a free node. False: there is none, or the job does not wait. */
  startNow(job: Job): boolean {
    const { avoids = [] } = job.request;
    const node = this.nodes.find((one) => one.isUp && one.job === null && !avoids.includes(one.name));
    if (node === undefined || this.stopped || job.state !== 'waiting' || job.held || job.request.blockedBy !== null) {
      return false;
    }
    this.setApart(job);
    Object.assign(node, { job });
    Object.assign(job, { node: node.name, state: 'running', startedAt: this.now() });
    const program = this.options.startJob(job);
    this.programs.set(job, program);
    void program.exited.then((end) => this.ended(job, end));
    return true;
  }

  /** Kills what runs and starts nothing more. Settles when nothing is left of any job. */
  async stop(): Promise<void> {
    this.stopped = true;
    for (const timer of this.timers) clearTimeout(timer);
    const programs = [...this.programs.values()];
    for (const program of programs) program.send('SIGKILL');
    await Promise.all(programs.map((program) => program.exited));
  }

  private now(): number {
    return this.options.now?.() ?? Date.now();
  }

  private takeNumber(): number {
    this.nextNumber += 1;
    return this.nextNumber - 1;
  }

  private schedule(): void {
    const now = this.now();
    for (const job of this.all) {
      const limit = job.request.walltimeSeconds;
      if (job.state === 'running' && limit !== null && (job.startedAt ?? now) + limit * 1000 <= now) {
        this.end(job, 'out of time');
      }
    }
    for (const job of this.history()) if (job.state === 'waiting') this.startNow(job);
  }

  /** The last task that is still with its array keeps the array's number, the others get one of their own. */
  private setApart(job: Job): void {
    if (job.number !== null) return;
    if (this.options.numbersTasks === false) {
      job.number = job.submission;
      return;
    }
    const together = this.all.some(
      (other) =>
        other !== job && other.submission === job.submission && other.number === null && other.state !== 'over',
    );
    job.number = together ? this.takeNumber() : job.submission;
  }

  private end(job: Job, ending: Ending): void {
    const program = this.programs.get(job);
    job.state = 'ending';
    job.ending = ending;
    if (program === undefined) return;
    const signals = this.options.endSignals?.(ending) ?? ['SIGTERM', 'SIGKILL'];
    const timers = signals
      .slice(1)
      .map((signal, at) => setTimeout(() => program.send(signal), (at + 1) * this.options.killWaitMs));
    for (const timer of timers) this.timers.add(timer);
    void program.exited.then(() => {
      for (const timer of timers) {
        clearTimeout(timer);
        this.timers.delete(timer);
      }
    });
    program.send(signals[0] ?? 'SIGKILL');
  }

  private ended(job: Job, { exitCode, signal }: ProgramEnd): void {
    this.programs.delete(job);
    Object.assign(job, { exitCode, signal });
    for (const node of this.nodes) if (node.job === job) node.job = null;
    if (job.state !== 'over') this.close(job, job.ending ?? (exitCode === 0 ? 'done' : 'failed'));
  }

  private close(job: Job, ending: Ending): void {
    Object.assign(job, { state: 'over', ending, endedAt: this.now() });
  }
}
