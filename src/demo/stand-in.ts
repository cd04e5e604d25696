import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failed, ok, type Result } from '../failure.ts';
import { type Account, asAccount, demoAccount, giveTo } from './account.ts';
import { BatchSystem, type ClusterDescription, type StartJob } from './batch-system.ts';
import { type CommandSocket, listenForCommands } from './command-socket.ts';
import { Faults } from './faults.ts';
import { scriptStarter, startNothing } from './job-program.ts';
import { type LoginNode, startLoginNode } from './login-node.ts';
import { copyOfNode, writePrograms } from './programs.ts';
import { clusterName, type SpokenScheduler } from './scheduler-command.ts';
import { type SpokenKind, spokenSchedulers } from './spoken-schedulers.ts';

/** A login node and a batch system in this process, with what they need in one directory of their own. */
export interface StandIn extends AsyncDisposable {
  /** 0700, removed at the end. */
  directory: string;
  /** The account's home directory on the login node. */
  home: string;
  /** What a program has in its environment that runs on the login node: HOME, PATH… */
  environment: Readonly<Record<string, string>>;
  /** This machine's programs that had to be replaced there. */
  substitutes: readonly string[];
  system: BatchSystem;
  /** The scheduler whose commands it answers to. */
  scheduler: SpokenScheduler;
  faults: Faults;
  /** Takes SSH connections as the user `ada`; null without `login`. */
  loginNode: LoginNode | null;
  /** Removes what is left at once, for a process that must end now. Kills jobs as far as that can be done at once. */
  abandon(): void;
}

export interface StandInOptions {
  /** Whose commands it answers to. Slurm's when absent. */
  scheduler?: SpokenKind;
  /** An SSH server as well. False when absent: the programs are called directly, with `environment`. */
  login?: boolean;
  /**
   * `at once` (when absent): a waiting job is started as soon as a node is free. `when told`: only by
   * `system.startNow`, as on a cluster that is full.
   */
  starts?: 'at once' | 'when told';
  /** `scripts` (when absent): really. `nothing`: a job that was started goes on until it is ended, without a process. */
  runs?: 'scripts' | 'nothing';
  nodes?: number;
  /** An accounting that `sacct` answers from. False when absent. */
  hasAccounting?: boolean;
  /** The number of the first submission; 101 when absent. */
  firstNumber?: number;
  /** How long a job has to end by itself after each signal; 5 s when absent. */
  killWaitMs?: number;
  /** How long a job that is over is still listed; 5 minutes when absent. */
  rememberMs?: number;
  /** The batch system's clock, in milliseconds since the epoch. This machine's when absent. */
  now?: () => number;
}

/** The name one logs in with. */
export const loginUser = 'ada';

/** Starts it. The failure is `demo-impossible`, and says what this machine lacks. */
export async function startStandIn(options: StandInOptions = {}): Promise<Result<StandIn>> {
  const account = demoAccount(options.login ?? false);
  if (account === null) return impossible('this user id has no name', 'Run it as a user with a name.');
  const bash = options.runs === 'nothing' ? '/bin/sh' : usableBash();
  if (bash === null) {
    return impossible(
      'the job scripts need bash 4.2 or later, and there is none on PATH',
      'Install bash (on macOS: brew install bash), and try again.',
    );
  }
  const directory = makeDirectory();
  const whole = () => rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  try {
    return await build({ directory, account, bash, options, whole });
  } catch (error) {
    whole();
    const reason = error instanceof Error ? error.message : String(error);
    return impossible(
      `the stand-in does not start: ${reason}`,
      'See whether the temporary directory (TMPDIR) can be written.',
    );
  }
}

function impossible(reason: string, hint: string): Result<never> {
  return failed({ kind: 'demo-impossible', reason, hint });
}

/** A Unix socket's path may have about 100 bytes. */
function makeDirectory(): string {
  const name = join(tmpdir(), 'glidein-demo-');
  return mkdtempSync(name.length < 80 ? name : '/tmp/glidein-demo-');
}

/** The first on PATH, or in a usual place, that is new enough. */
function usableBash(): string | null {
  const places = ['bash', '/usr/local/bin/bash', '/opt/homebrew/bin/bash', '/bin/bash'];
  const isNewEnough = '((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 402)) && type -P "$0"';
  for (const place of places) {
    const { status, stdout } = spawnSync(place, ['-c', isNewEnough, place], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return null;
}

interface Plan {
  directory: string;
  account: Account;
  bash: string;
  options: StandInOptions;
  whole(): void;
}

async function build({ directory, account, bash, options, whole }: Plan): Promise<Result<StandIn>> {
  const [home, scratch, spool] = ['home', 'scratch', 'spool'].map((name) => join(directory, name));
  if (home === undefined || scratch === undefined || spool === undefined) throw new Error('unreachable');
  for (const path of [home, scratch, spool]) mkdirSync(path, { mode: 0o700 });
  giveTo(account, directory, home, scratch, spool);
  const programs = join(directory, 'bin');
  const environment = sessionEnvironment({ home, programs, account });
  const faults = new Faults();
  const node = nodeFor(account, directory);
  const startJob =
    options.runs === 'nothing'
      ? startNothing
      : scriptStarter({ spool, bash, account, environment: { TMPDIR: scratch, HOME: home, PATH: environment.PATH } });
  const scheduler = spokenSchedulers[options.scheduler ?? 'slurm'];
  const system = new BatchSystem(systemOptions(options, scheduler, startJob));
  const user = { name: account.name, uid: account.uid };
  const commands = scheduler.commands({ system, faults, user, hasAccounting: options.hasAccounting ?? false });
  const socketPath = join(directory, 'commands');
  const socket = await listenForCommands(socketPath, (call) => commands.answer(call));
  giveTo(account, socketPath);
  const substitutes = writePrograms({
    directory: programs,
    schedulerPrograms: commands.programs,
    socketPath,
    node,
    bash,
    environment: { PATH: process.env['PATH'], TMPDIR: scratch },
  });
  const loginNode = options.login ? await startLoginNode({ user: loginUser, account, home, environment }) : null;
  const parts = { directory, home, environment, substitutes, system, scheduler, faults, loginNode };
  return ok({
    ...parts,
    abandon: () => abandon({ loginNode, system, whole }),
    ...ending({ loginNode, system, socket, whole }),
  });
}

const cluster: Omit<ClusterDescription, 'nodes'> = {
  name: clusterName,
  coresPerNode: 16,
  memoryMBPerNode: 64_000,
  queues: [{ name: 'compute', maxWalltimeSeconds: 2 * 86_400 }],
  maxArraySize: 1001,
};

function systemOptions(options: StandInOptions, scheduler: SpokenScheduler, startJob: StartJob) {
  const { nodes = 4, starts = 'at once', killWaitMs = 5000, rememberMs = 300_000, firstNumber = 101 } = options;
  const names = Array.from({ length: nodes }, (_, at) => `node${at + 1}`);
  const scheduleEveryMs = starts === 'at once' ? 100 : null;
  const { numbersTasks, endSignals } = scheduler;
  const clock = options.now === undefined ? {} : { now: options.now };
  const ways = { numbersTasks, endSignals, scheduleEveryMs, killWaitMs, rememberMs, firstNumber, ...clock };
  return { cluster: { ...cluster, nodes: names }, startJob, ...ways };
}

/** As sshd makes it: nothing of this process's own environment but where programs are. */
function sessionEnvironment({ home, programs, account }: { home: string; programs: string; account: Account }) {
  const path = `${programs}:${process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'}`;
  // A login shell reads /etc/profile, which may set PATH anew.
  writeFileSync(join(home, '.profile'), `PATH=${programs}:$PATH\nexport PATH\n`);
  giveTo(account, join(home, '.profile'));
  return { HOME: home, USER: account.name, LOGNAME: account.name, SHELL: '/bin/sh', PATH: path, LANG: 'C.UTF-8' };
}

/** This Node; or a copy, where the account cannot reach it (in root's own home, say). */
function nodeFor(account: Account, directory: string): string {
  if (!account.isOther) return process.execPath;
  const tried = spawnSync(process.execPath, ['-e', '0'], { ...asAccount(account), cwd: '/', env: {} });
  return tried.status === 0 ? process.execPath : copyOfNode(directory);
}

function ending(parts: {
  loginNode: LoginNode | null;
  system: BatchSystem;
  socket: CommandSocket;
  whole(): void;
}): AsyncDisposable {
  let over: Promise<void> | null = null;
  const end = async () => {
    await parts.loginNode?.close();
    await parts.system.stop();
    await parts.socket.close();
    parts.whole();
  };
  return {
    [Symbol.asyncDispose]: () => {
      over ??= end();
      return over;
    },
  };
}

/** The part of an ending that needs no waiting: each of these kills before it first waits. */
function abandon(parts: { loginNode: LoginNode | null; system: BatchSystem; whole(): void }): void {
  void parts.loginNode?.close();
  void parts.system.stop();
  parts.whole();
}
