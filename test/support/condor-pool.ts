import { spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import type { SidFiles } from './debian-sid.ts';
import { freePorts } from './free-ports.ts';
import { belongsTo, processesRunning, stopProcesses } from './processes.ts';
import { type Ran, run } from './run-program.ts';
import { waitUntil } from './wait-until.ts';

/** An HTCondor pool of one machine without slots of its own, on loopback: collector, negotiator and access point. */
export interface CondorPool {
  /** `127.0.0.1:PORT` of its collector, as the image's POOL takes it. */
  address: string;
  /** Lets a pilot join, and nothing else. */
  token: string;
  /** Queues a job that runs for some seconds; `more` are lines of its description. Answers its id. */
  submit(owner: Owner, seconds: number, more?: readonly string[]): Promise<string>;
  /** All that were ever queued and not forgotten since. */
  jobs(): Promise<CondorJob[]>;
  /** The pilots the pool has now. */
  pilots(): Promise<PoolPilot[]>;
  /** How many pilots the collector ever took in. */
  joined(): number;
  /** Takes every job out of the queue. */
  removeJobs(): Promise<void>;
}

/** Where a pool is that runs. Plain JSON: it travels between the processes of the tests. */
export interface PoolPlace {
  /** Its root file system. */
  root: string;
  port: number;
  token: string;
}

/** Who has an account on the access point. HTCondor's Owner is the name of the account that submits. */
export type Owner = 'ada' | 'bob';

/** A pilot as the collector has it. */
export interface PoolPilot {
  /** The batch system's; empty for one that glidein did not submit. */
  batchId: string;
  /** What it is credited to: `pilot.resource` of its profile. */
  resource: string;
  /** Whether it takes jobs at all, or is draining. */
  takesJobs: boolean;
  /** The slot's START_EXTRA and START, as text and not evaluated. */
  startExtra: string;
  start: string;
}

/** A job as the access point has it. */
export interface CondorJob {
  id: string;
  /** `done`: it ran to its end. */
  state: 'idle' | 'running' | 'done' | 'otherwise';
  /** How often it was begun on a pilot. The access point calls it running before the pilot has taken it. */
  starts: number;
}

/** User and group ids; far from those Debian gives away, since its processes run on this machine's own kernel. */
const ACCOUNTS: Record<Owner | 'condor', number> = { condor: 64_801, ada: 64_802, bob: 64_803 };
const LOCAL = ['spool', 'log', 'lock', 'run', 'execute', 'tokens.d', 'passwords.d', 'jobs'];

/**
 * Starts a pool below `prefix`, in a root file system of its own. Answers when its collector and its queue answer. It runs
 * until its processes are ended.
 */
export async function startPool(sid: SidFiles, prefix: string): Promise<PoolPlace> {
  const root = join(prefix, 'pool');
  await cp(sid.root, root, { recursive: true, verbatimSymlinks: true });
  const [port = 0] = await freePorts(1);
  prepareRoot(root, port);
  // In namespaces of its own: what is mounted goes with its processes, and those go with the first, which is the master.
  const inside = `mount -t proc proc "$1/proc" && mount --bind /dev "$1/dev" && exec chroot "$1" /usr/sbin/condor_master -f`;
  const namespaces = ['--mount', '--pid', '--fork', '--propagation', 'private'];
  spawn('/usr/bin/unshare', [...namespaces, 'sh', '-c', inside, 'sh', root], {
    stdio: 'ignore',
    detached: true, // It outlives this process, which is one test file's.
    cwd: root,
    env: condorEnv,
  }).unref();
  try {
    return { root, port, token: await tokenWhenUp(root) };
  } catch (error) {
    const log = join(root, 'var/pool/log/MasterLog');
    const masters = processesRunning(['condor_master']).filter((pid) => belongsTo(pid, root));
    await stopProcesses(masters, 0);
    throw new Error(
      `HTCondor did not start: ${error}\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-3000) : ''}`,
    );
  }
}

const condorEnv = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', CONDOR_CONFIG: '/etc/condor/condor_config' };

function prepareRoot(root: string, port: number): void {
  const names = Object.entries(ACCOUNTS);
  const line = ([name, id]: [string, number]) => `${name}:x:${id}:${id}::/var/pool/jobs:/bin/sh\n`;
  writeFileSync(join(root, 'etc/passwd'), `root:x:0:0:root:/root:/bin/sh\n${names.map(line).join('')}`);
  writeFileSync(join(root, 'etc/group'), `root:x:0:\n${names.map(([name, id]) => `${name}:x:${id}:\n`).join('')}`);
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files\n');
  writeFileSync(join(root, 'etc/hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(root, 'etc/condor/condor_config'), poolConfig(port));
  mkdirSync(join(root, 'var/pool'));
  for (const name of LOCAL) {
    const directory = join(root, 'var/pool', name);
    mkdirSync(directory);
    if (name === 'jobs') chmodSync(directory, 0o1777);
    else if (name.endsWith('.d')) chmodSync(directory, 0o700);
    else chownSync(directory, ACCOUNTS.condor, ACCOUNTS.condor);
  }
}

function poolConfig(port: number): string {
  return `RELEASE_DIR = /usr
BIN = /usr/bin
SBIN = /usr/sbin
LIB = /usr/lib/condor
LIBEXEC = /usr/libexec/condor
LOCAL_DIR = /var/pool
${['spool', 'log', 'lock', 'run', 'execute'].map((name) => `${name.toUpperCase()} = /var/pool/${name}`).join('\n')}
CONDOR_IDS = ${ACCOUNTS.condor}.${ACCOUNTS.condor}
CONDOR_HOST = 127.0.0.1
COLLECTOR_HOST = 127.0.0.1:${port}
DAEMON_LIST = MASTER, COLLECTOR, NEGOTIATOR, SCHEDD
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
ENABLE_IPV6 = False
USE_SHARED_PORT = False
USE_PROCD = False
UID_DOMAIN = ap.example.org
TRUST_DOMAIN = pool.example.org
SEC_TOKEN_DIRECTORY = /var/pool/tokens.d
SEC_TOKEN_SYSTEM_DIRECTORY = /var/pool/tokens.d
SEC_PASSWORD_DIRECTORY = /var/pool/passwords.d
SEC_TOKEN_POOL_SIGNING_KEY_FILE = /var/pool/passwords.d/POOL
SEC_DEFAULT_AUTHENTICATION = REQUIRED
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, IDTOKENS
ALLOW_READ = *
ALLOW_WRITE = *@ap.example.org
ALLOW_DAEMON = condor@ap.example.org, root@ap.example.org
ALLOW_NEGOTIATOR = condor@ap.example.org, root@ap.example.org
ALLOW_ADMINISTRATOR = condor@ap.example.org, root@ap.example.org
ALLOW_ADVERTISE_MASTER = condor@ap.example.org, pilot@pool.example.org
ALLOW_ADVERTISE_SCHEDD = condor@ap.example.org
ALLOW_ADVERTISE_STARTD = pilot@pool.example.org
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 2
SCHEDD_MIN_INTERVAL = 1
CLASSAD_LIFETIME = 30
REQUEST_CLAIM_TIMEOUT = 10
`;
}

/** Runs one of HTCondor's clients outside the pool's namespaces, but in its root: these only talk to it. */
function inside(root: string, who: Owner | 'root', ...command: string[]): Promise<Ran> {
  const as = who === 'root' ? [] : [`--userspec=${ACCOUNTS[who]}:${ACCOUNTS[who]}`];
  return run('chroot', [...as, root, ...command], { env: condorEnv, seconds: 20 });
}

async function must(root: string, who: Owner | 'root', ...command: string[]): Promise<string> {
  const ran = await inside(root, who, ...command);
  if (ran.code !== 0) throw new Error(`${command.join(' ')} ended with ${ran.code}: ${ran.stderr}${ran.stdout}`);
  return ran.stdout;
}

async function tokenWhenUp(root: string): Promise<string> {
  await waitUntil('the pool answers', 30, async () => {
    const known = await inside(root, 'root', 'condor_status', '-schedd', '-af', 'Name');
    return known.code === 0 && known.stdout.trim() !== '' && (await inside(root, 'root', 'condor_q')).code === 0;
  });
  const authorizations = ['ADVERTISE_STARTD', 'ADVERTISE_MASTER', 'READ'].flatMap((name) => ['-authz', name]);
  const identity = ['-identity', 'pilot@pool.example.org'];
  return (await must(root, 'root', 'condor_token_create', ...identity, ...authorizations)).trim();
}

/** The pool that runs there. */
export function poolAt({ root, port, token }: PoolPlace): CondorPool {
  const lines = async (...command: string[]) =>
    (await must(root, 'root', ...command)).split('\n').filter((line) => line !== '');
  const submission = 'cd /var/pool/jobs && exec condor_submit -terse "$1"';
  return {
    address: `127.0.0.1:${port}`,
    token,
    submit: async (owner, seconds, more = []) => {
      const file = writeJob(root, owner, seconds, more);
      const id = await must(root, owner, 'sh', '-c', submission, 'sh', file);
      return id.trim().replace(/ .*/, '');
    },
    jobs: async () => {
      const attributes = ['-af', 'ClusterId', 'ProcId', 'JobStatus'];
      const queued = await lines('condor_q', '-all', ...attributes);
      const over = await lines('condor_history', ...attributes);
      const starts = startsIn(root);
      return [...queued, ...over].map((line) => jobOf(line, starts));
    },
    pilots: async () => (await lines('condor_status', ...wholePilots, '-af:rt', ...shownOfPilots)).map(pilotOf),
    joined: () =>
      readFileSync(join(root, 'var/pool/log/CollectorLog'), 'utf8').match(/MachinePvtAd\s*: Inserting \*\* "< slot1@/g)
        ?.length ?? 0,
    removeJobs: async () => {
      await inside(root, 'root', 'condor_rm', '-all');
    },
  };
}

/** Writes a job's description for its owner; answers where, as the access point has it. */
function writeJob(root: string, owner: Owner, seconds: number, more: readonly string[]): string {
  const file = `/var/pool/jobs/${owner}.sub`;
  const text = [
    'universe = vanilla',
    'executable = /bin/sleep',
    'transfer_executable = False',
    'should_transfer_files = YES',
    `arguments = ${seconds}`,
    'request_cpus = 1',
    'request_memory = 16MB',
    'request_disk = 1MB',
    ...more,
    `log = /var/pool/jobs/${owner}.log`,
    'queue',
  ];
  writeFileSync(join(root, file), `${text.join('\n')}\n`);
  return file;
}

/** Of the slots of a pilot the one that jobs are cut out of. */
const wholePilots = ['-constraint', 'PartitionableSlot'];
const shownOfPilots = ['PilotBatchId', 'GLIDEIN_ResourceName', 'OSG_NODE_VALIDATED', 'START_EXTRA', 'Start'];

function pilotOf(line: string): PoolPilot {
  const [batchId = '', resource = '', takesJobs, startExtra = '', start = ''] = line.split('\t');
  return {
    batchId: batchId === 'undefined' ? '' : batchId.replaceAll('"', ''),
    resource: resource.replaceAll('"', ''),
    takesJobs: takesJobs === 'true',
    ...{ startExtra, start },
  };
}

const JOB_STATES: Record<string, CondorJob['state']> = { 1: 'idle', 2: 'running', 4: 'done', 6: 'running' };

function jobOf(line: string, starts: readonly string[]): CondorJob {
  const [cluster = '', process = '', status = ''] = line.split(' ');
  const id = `${cluster}.${process}`;
  return { id, state: JOB_STATES[status] ?? 'otherwise', starts: starts.filter((one) => one === id).length };
}

/** The id of a job for each time that one was begun: event 001 of the jobs' logs, written when the pilot says so. */
function startsIn(root: string): string[] {
  const logs = Object.keys(ACCOUNTS).map((owner) => join(root, `var/pool/jobs/${owner}.log`));
  const text = logs.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'));
  const events = text.join('\n').matchAll(/^001 \((\d+)\.(\d+)\./gm);
  return [...events].map(([, cluster, process]) => `${Number(cluster)}.${Number(process)}`);
}
