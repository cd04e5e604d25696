import { chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { Cluster } from './cluster.ts';
import { freePorts } from './free-ports.ts';
import { gpuNodes, inventGpus, stopNodes } from './gpu-nodes.ts';
import { stopProcess } from './processes.ts';
import { mustRun, run } from './run-program.ts';
import { startController, stopController } from './slurm-daemons.ts';
import { slurmEnv } from './slurm-jobs.ts';
import { passwdEntry } from './test-users.ts';
import { waitUntil } from './wait-until.ts';

/** What accounting needs of Debian, beyond what every real test needs. */
export const accountingPackages = ['slurmdbd', 'mariadb-server'];

/**
 * Gives the test cluster accounting (slurmdbd on a MariaDB of its own), GPUs on two nodes, and partitions of other
 * kinds. Its jobs are forgotten. There is no way back: the cluster stays so until it ends.
 */
export async function addAccounting(cluster: Cluster): Promise<void> {
  const [databasePort = 0, accountingPort = 0] = await freePorts(2);
  await startDatabase(join(cluster.prefix, 'mariadb'), databasePort);
  await writeFile(databaseConf(cluster), await databaseLines(cluster, databasePort, accountingPort), { mode: 0o600 });
  await startAccountingDaemon(cluster);
  await stopController(cluster);
  await stopNodes(cluster);
  const conf = await readFile(cluster.slurmConf, 'utf8');
  await writeFile(cluster.slurmConf, `${withAccounting(conf, accountingPort)}\n${furtherLines.join('\n')}\n`);
  await inventGpus(dirname(cluster.slurmConf));
  await manage(cluster, 'add', 'cluster', 'campus');
  for (const words of associations) await manage(cluster, ...words);
  for (const node of cluster.nodes) await mustRun('/usr/sbin/slurmd', ['-f', cluster.slurmConf, '-N', node]);
  await startController(cluster, { forgetJobs: true });
}

/** Ends slurmdbd; the controller and its jobs go on. */
export async function stopAccountingDaemon(cluster: Cluster): Promise<void> {
  await stopProcess(Number(await readFile(join(dirname(cluster.slurmConf), 'slurmdbd.pid'), 'utf8')));
}

/** Starts slurmdbd; answers when `sacctmgr` gets an answer. */
export async function startAccountingDaemon(cluster: Cluster): Promise<void> {
  await mustRun('/usr/sbin/slurmdbd', [], { env: slurmEnv(cluster) });
  const port = /^DbdPort=(\d+)$/m.exec(await readFile(databaseConf(cluster), 'utf8'))?.[1];
  await waitUntil('slurmdbd listens', 60, async () => {
    return (await run('/bin/bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`])).code === 0;
  });
}

const password = 'only-on-loopback';

async function startDatabase(directory: string, port: number): Promise<void> {
  const { uid, gid } = passwdEntry('mysql');
  await mkdir(directory, { mode: 0o755 });
  const files = join(directory, 'files');
  await mkdir(files, { mode: 0o700 });
  for (const path of [directory, files]) await chown(path, uid, gid);
  const init = join(directory, 'init.sql');
  const grants = [
    `CREATE USER IF NOT EXISTS slurm@'127.0.0.1' IDENTIFIED BY '${password}';`,
    `GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';`,
  ];
  await writeFile(init, `${grants.join('\n')}\n`);
  const where = ['--no-defaults', `--datadir=${files}`, '--user=mysql'];
  await mustRun('mariadb-install-db', [...where, '--skip-test-db', '--auth-root-authentication-method=normal'], {
    seconds: 120,
  });
  const own = [`--socket=${directory}/socket`, `--pid-file=${directory}/pid`, `--log-error=${directory}/log`];
  const options = [...where, ...own, `--init-file=${init}`, '--bind-address=127.0.0.1', `--port=${port}`];
  // It stays in the foreground, and its streams must not keep this process waiting.
  await mustRun('/bin/sh', ['-c', '"$@" </dev/null >/dev/null 2>&1 &', 'sh', '/usr/sbin/mariadbd', ...options]);
  await waitUntil('MariaDB answers', 60, async () => {
    const client = ['--no-defaults', '-h127.0.0.1', `-P${port}`, '-uslurm', `-p${password}`, '-e', 'SELECT 1'];
    return (await run('mariadb', client)).code === 0;
  });
}

function databaseConf(cluster: Cluster): string {
  return join(dirname(cluster.slurmConf), 'slurmdbd.conf');
}

async function databaseLines(cluster: Cluster, databasePort: number, port: number): Promise<string> {
  const directory = dirname(cluster.slurmConf);
  const munge = /^AuthInfo=.*$/m.exec(await readFile(cluster.slurmConf, 'utf8'))?.[0] ?? '';
  const lines = [
    'AuthType=auth/munge',
    munge,
    `DbdHost=${hostname()}`,
    'DbdAddr=127.0.0.1',
    `DbdPort=${port}`,
    'SlurmUser=root',
    `LogFile=${directory}/slurmdbd.log`,
    `PidFile=${directory}/slurmdbd.pid`,
    'StorageType=accounting_storage/mysql',
    'StorageHost=127.0.0.1',
    `StoragePort=${databasePort}`,
    'StorageUser=slurm',
    `StoragePass=${password}`,
    'StorageLoc=slurm_acct_db',
  ];
  return `${lines.join('\n')}\n`;
}

/** The configuration with the accounting named, two nodes with GPUs, and one that is larger than the others. */
function withAccounting(conf: string, port: number): string {
  const munge = /^AuthInfo=socket=(.*)$/m.exec(conf)?.[1] ?? '';
  const accounting = [
    'AccountingStorageType=accounting_storage/slurmdbd',
    'AccountingStorageHost=127.0.0.1',
    `AccountingStoragePort=${port}`,
    // With munge this is no password but munged's socket: AuthInfo is not looked at here (22.05.8).
    `AccountingStoragePass=${munge}`,
    'AccountingStorageEnforce=associations,limits,qos',
    'AccountingStoreFlags=job_comment',
  ];
  return gpuNodes(conf)
    .replace(/^AccountingStorageType=.*$/m, accounting.join('\n'))
    .replace(/^(NodeName=node8 .*)CPUs=\d+ RealMemory=\d+/m, '$1CPUs=8 RealMemory=9000')
    .trimEnd();
}

const furtherLines = [
  'PartitionName=gpu Nodes=node[1-2] MaxTime=1-00:00:00 State=UP',
  'PartitionName=endless Nodes=node[3-4] MaxTime=UNLIMITED MaxNodes=1 State=UP',
  'PartitionName=closed Nodes=node5 MaxTime=00:30:00 State=DOWN',
  'PartitionName=draining Nodes=node5 State=DRAIN',
  'PartitionName=hidden Nodes=node6 Hidden=YES State=UP',
  'PartitionName=empty State=UP',
];

/** ada may charge two accounts, submit few jobs to one of them and fewer still with one QOS; dash may nothing. */
const associations: readonly (readonly string[])[] = [
  ['add', 'account', 'phy', 'chem'],
  ['add', 'qos', 'short', 'set', 'MaxSubmitJobsPerUser=3', 'MaxJobsPerUser=1', 'MaxWall=01:00:00'],
  ['add', 'user', 'glt-ada', 'account=phy', 'MaxSubmitJobs=40', 'QOS=normal,short'],
  ['add', 'user', 'glt-ada', 'account=chem', 'MaxSubmitJobs=5', 'GrpTRES=node=1', 'QOS=normal'],
];

async function manage(cluster: Cluster, ...words: string[]): Promise<void> {
  await mustRun('sacctmgr', ['--immediate', '--quiet', ...words], { env: slurmEnv(cluster), seconds: 60 });
}
