import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { type Cluster, describeOnCluster } from '../support/cluster.ts';
import { type Ran, run } from '../support/run-program.ts';
import { freezeController, startController, stopController, thawController } from '../support/slurm-daemons.ts';
import { cancelAllJobs, livingJobs, slurmEnv, slurmJobs } from '../support/slurm-jobs.ts';
import { sshClientEnv } from '../support/ssh-client.ts';
import { asUser } from '../support/test-users.ts';
import { waitUntil } from '../support/wait-until.ts';

const SLEEP_SCRIPT = '#!/bin/sh\nsleep 300\n';

describeOnCluster('the cluster of the real tests', (cluster) => {
  afterEach(() => cancelAllJobs(cluster));

  it('takes an array over ssh, runs it on two whole nodes and lets it be cancelled', async () => {
    const submitted = await ssh(cluster, 'campus', 'sbatch --parsable --array=0-1 --comment=smoke', SLEEP_SCRIPT);
    expect(submitted).toMatchObject({ code: 0, stderr: '' });
    const id = submitted.stdout.trim();
    const mine = async () => (await slurmJobs(cluster)).filter((job) => job.id.startsWith(`${id}_`));
    await waitUntil('both tasks run', 15, async () => (await mine()).every(({ state }) => state === 'RUNNING'));
    expect((await mine()).map((job) => [job.id, job.user, job.comment]).sort()).toEqual([
      [`${id}_0`, cluster.users.ada.name, 'smoke'],
      [`${id}_1`, cluster.users.ada.name, 'smoke'],
    ]);
    const busy = await run('squeue', ['-h', '-r', '-t', 'R', '-o', '%N %C'], { env: slurmEnv(cluster) });
    expect(busy.stdout.trim().split('\n').sort()).toEqual(['node1 4', 'node2 4']);
    expect(await ssh(cluster, 'campus', `scancel ${id}`)).toMatchObject({ code: 0, stderr: '' });
    await waitUntil('no task is left', 15, async () => (await livingJobs(cluster)).length === 0);
  });

  it('puts two jobs on one node of the shared partition', async () => {
    for (let job = 0; job < 2; job += 1) await ssh(cluster, 'campus', 'sbatch -p shared -n 1', SLEEP_SCRIPT);
    await waitUntil(
      'both run',
      15,
      async () => (await livingJobs(cluster)).filter(({ state }) => state === 'RUNNING').length === 2,
    );
    const busy = await run('squeue', ['-h', '-o', '%N'], { env: slurmEnv(cluster) });
    expect(busy.stdout).toBe('node1\nnode1\n');
  });

  it('keeps its jobs while the controller is stopped and started', async () => {
    await ssh(cluster, 'campus', 'sbatch --array=0-2', SLEEP_SCRIPT);
    await stopController(cluster);
    const down = await ssh(cluster, 'campus', 'timeout 2 squeue');
    expect(down.code).not.toBe(0);
    await startController(cluster);
    expect(await livingJobs(cluster)).toHaveLength(3);
  });

  it('serves a submission that was sent while the controller was frozen, though its client is gone', async () => {
    freezeController(cluster);
    const killed = await asUser(cluster, cluster.users.ada, 'timeout 2 sbatch', { input: SLEEP_SCRIPT });
    expect(killed).toMatchObject({ code: 124, stdout: '' });
    thawController(cluster);
    await waitUntil('the job is there', 15, async () => (await livingJobs(cluster)).length === 1);
  });

  it.for([
    ['campus', 'bash'],
    ['campus-dash', 'dash'],
    ['campus-tcsh', 'tcsh'],
    ['campus-fish', 'fish'],
  ] as const)('answers at %s in a login shell that is really %s, and finds Slurm there', async ([host, shell]) => {
    // Plain words and single quotes mean the same in all four; sh is not the last command, so no shell becomes it.
    const answer = await ssh(cluster, host, "sh -c 'readlink /proc/$PPID/exe'; echo $SLURM_CONF; scontrol show config");
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    const [program, slurmConf] = answer.stdout.split('\n');
    expect(basename(program ?? '')).toBe(shell);
    expect(slurmConf).toBe(cluster.slurmConf);
    expect(answer.stdout).toMatch(/^SLURM_VERSION += [0-9]+\./m);
  });

  it('listens on 127.0.0.1 and nowhere else', async () => {
    expect(await listeningAddresses(cluster)).toEqual(new Set(['0100007F']));
  });

  it('shows its host, port, user and key in `ssh -G`, and no file of the real user', async () => {
    const { stdout } = await ssh(cluster, '-G', 'campus');
    const { sshd, users, knownHostsFile } = cluster;
    for (const line of [
      'hostname 127.0.0.1',
      `port ${sshd.port}`,
      `user ${users.ada.name}`,
      `identityfile ${users.ada.privateKeyFile}`,
      `userknownhostsfile ${knownHostsFile}`,
      'identitiesonly yes',
    ]) {
      expect(stdout.split('\n')).toContain(line);
    }
    expect(stdout).not.toContain('~/.ssh/known_hosts');
  });
});

/** The client of the tests, as a command of the project would call it: by name. */
function ssh(cluster: Cluster, host: string, command: string, input = ''): Promise<Ran> {
  return run('ssh', [host, command], { env: sshClientEnv(cluster), input });
}

/** Addresses on which processes of the cluster listen, in the kernel's own hexadecimal: `0100007F` is 127.0.0.1. */
async function listeningAddresses(cluster: Cluster): Promise<Set<string>> {
  const slurmPorts = [...(await readFile(cluster.slurmConf, 'utf8')).matchAll(/\b(?:Slurmctld)?Port=([0-9]+)/g)];
  const ports = new Set([cluster.sshd.port, ...slurmPorts.map(([, port]) => Number(port))]);
  expect(ports.size).toBe(2 + cluster.nodes.length);
  const lines = (await readFile('/proc/net/tcp', 'utf8')).concat(
    await readFile('/proc/net/tcp6', 'utf8').catch(() => ''),
  );
  const sockets = [...lines.matchAll(/^ *[0-9]+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A /gm)]; // 0A: it listens.
  const ours = sockets.filter(([, , port = '']) => ports.has(Number.parseInt(port, 16)));
  expect(ours).toHaveLength(ports.size);
  return new Set(ours.map(([, address = '']) => address));
}
