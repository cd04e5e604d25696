import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Campus, campus, clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('a command that goes to the login host', (cluster) => {
  let here: Campus;
  beforeAll(async () => {
    here = await campus(cluster, 3);
  });
  afterAll(async () => {
    await cancelAllJobs(cluster);
    here.remove();
    clearRemote(cluster.users.ada);
  });
  const connections = () => readFileSync(cluster.sshd.logFile, 'utf8').match(/^Connection from /gm)?.length ?? 0;

  it.each(['ssh2', 'openssh'])('makes one connection, by %s', async (transport) => {
    await here.set(`connection.transport=${transport}`, 'target=3');
    const made: Record<string, number> = {};
    const run = async (name: string, ...args: string[]) => {
      const before = connections();
      const ran = await here.glidein([...name.split(' '), ...args]);
      expect(ran.code, `${name}: ${ran.stderr}`).toBe(0);
      made[name] = connections() - before;
    };
    /** A command that goes on until it is stopped: here after some seconds. */
    const runForSeconds = async (name: string) => {
      const before = connections();
      const ran = await here.glidein(name.split(' '), { seconds: 8 });
      expect(ran.code, `${name}: ${ran.stderr}`).toBe(124);
      expect(ran.stdout, name).not.toBe('');
      made[name] = connections() - before;
    };
    await run('status campus');
    await run('discover campus');
    await here.set('image.source=docker://127.0.0.1:9/pilot:1');
    await run('check campus');
    await here.set('image.source=null');
    await run('login campus');
    await here.glidein(['logout', 'campus']);
    await run('submit campus --dry-run');
    await run('submit campus');
    await run('top-up campus');
    await waitUntil('all run', 20, async () => {
      const jobs = await livingJobs(cluster);
      return jobs.length === 3 && jobs.every(({ state }) => state === 'RUNNING');
    });
    await run('top-up');
    await run('logs campus');
    await runForSeconds('logs campus --follow');
    await here.set('target=0');
    await run('drain campus', '--all');
    await run('cancel campus', '--all');
    expect(made).toEqual(Object.fromEntries(Object.keys(made).map((name) => [name, 1])));
    const before = connections();
    for (const args of [
      ['render', 'campus'],
      ['token', 'check', 'campus'],
      ['site', 'list'],
      ['logout', 'campus'],
    ])
      await here.glidein(args);
    expect(connections()).toBe(before);
  });
});
