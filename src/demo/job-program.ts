import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Account, asAccount, giveTo } from './account.ts';
import type { Job, ProgramEnd, RunningProgram, StartJob } from './batch-system.ts';
import { ProcessTree } from './process-tree.ts';

/** What the nodes are like. */
export interface NodeGround {
  /** Where scripts are kept while they run. */
  spool: string;
  /** What runs scripts that ask for bash: it may be elsewhere, and the one they name too old. */
  bash: string;
  account: Account;
  /** The node's own variables, above those the job brings. */
  environment: Readonly<Record<string, string>>;
}

/** Really runs the job's script, as a process tree that ends as a whole. */
export function scriptStarter(ground: NodeGround): StartJob {
  return (job) => {
    const script = join(ground.spool, `${job.submission}.${job.index ?? 0}.sh`);
    writeFileSync(script, job.request.script, { mode: 0o700 });
    const nodeFile = join(ground.spool, `${job.submission}.${job.index ?? 0}.nodes`);
    writeFileSync(nodeFile, `${job.node}\n`, { mode: 0o600 });
    giveTo(ground.account, script, nodeFile);
    return startScript(job, { script, nodeFile }, ground);
  };
}

/** Runs nothing: the job goes on until it is ended. For tests of what is done about jobs, by the hundred. */
export const startNothing: StartJob = () => {
  let finish: (end: ProgramEnd) => void = () => {};
  const exited = new Promise<ProgramEnd>((resolve) => {
    finish = resolve;
  });
  return {
    exited,
    send: (signal) => finish({ exitCode: null, signal }),
    tellShell: () => finish({ exitCode: null, signal: 'SIGTERM' }),
  };
};

// The output is opened as the job's user, and the job sees none of our descriptors.
const intoFile = 'out=$1; cd "$2" || exit 1; shift 2; exec "$@" >"$out" 2>&1 </dev/null';

function startScript(
  job: Job,
  { script, nodeFile }: { script: string; nodeFile: string },
  { bash, account, environment }: NodeGround,
): RunningProgram {
  const { request } = job;
  const nodes = request.nodeFileVariable === undefined ? {} : { [request.nodeFileVariable]: nodeFile };
  const words = [...interpreterOf(request.script, bash), script];
  const child = spawn('/bin/sh', ['-c', intoFile, 'sh', request.outputFile(job), request.directory, ...words], {
    cwd: '/',
    env: { ...request.environment(job), ...nodes, ...environment, PWD: request.directory },
    detached: true,
    stdio: 'ignore',
    ...asAccount(account),
  });
  if (child.pid === undefined) {
    const exited = once(child).then(() => ({ exitCode: 1, signal: null }));
    return { exited, send: () => {}, tellShell: () => {} };
  }
  const tree = new ProcessTree(child.pid);
  // What the script left behind goes with it.
  const exited = once(child).then(async (end) => {
    await tree.end();
    return end;
  });
  return { exited, send: (signal) => tree.send(signal), tellShell: () => child.kill('SIGTERM') };
}

function once(child: ReturnType<typeof spawn>): Promise<ProgramEnd> {
  return new Promise((resolve) => {
    child.once('error', () => resolve({ exitCode: 127, signal: null }));
    child.once('exit', (exitCode, signal) => resolve({ exitCode, signal }));
  });
}

function interpreterOf(script: string, bash: string): string[] {
  const words = /^#!\s*(.*)$/m.exec(script)?.[1]?.trim().split(/\s+/) ?? ['/bin/sh'];
  const at = words.findIndex((word) => /(?:^|\/)bash$/.test(word));
  return at < 0 ? words : [bash, ...words.slice(at + 1)];
}
