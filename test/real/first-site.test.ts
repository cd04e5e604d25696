import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { clearRemote } from '../support/campus.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { installPackage } from '../support/installed-package.ts';
import { type PilotBed, pilotBed } from '../support/pilot-bed.ts';
import { mustRun, run } from '../support/run-program.ts';
import { filesBelow, modesBelow } from '../support/secret-search.ts';
import { cancelAllJobs, livingJobs } from '../support/slurm-jobs.ts';
import { sshClientEnv } from '../support/ssh-client.ts';
import { testToken } from '../support/test-token.ts';
import { waitUntil } from '../support/wait-until.ts';

describeOnCluster('somebody new, with the packed files and an empty home directory', (cluster) => {
  let home: string;
  let env: NodeJS.ProcessEnv;
  let bed: PilotBed;
  beforeEach(async () => {
    home = mkdtempSync(join(cluster.prefix, 'newcomer-'));
    const programs = await installPackage(join(home, 'installed'));
    const { GLIDEIN_CONFIG_DIR: _dir, XDG_CONFIG_HOME: _config, XDG_DATA_HOME: _data, ...rest } = sshClientEnv(cluster);
    bed = pilotBed(cluster);
    bed.acts('trap "exit 0" TERM; while :; do sleep 0.1; done');
    env = { ...rest, HOME: home, NO_COLOR: '1', PATH: `${programs}:${rest['PATH']}` };
  });
  afterEach(async () => {
    await cancelAllJobs(cluster);
    bed.remove();
    rmSync(home, { recursive: true, force: true });
    clearRemote(cluster.users.ada);
  });
  const glidein = (...args: string[]) => run('glidein', args, { env, cwd: home, seconds: 100 });
  const done = async (...args: string[]) => {
    const ran = await glidein(...args);
    expect(ran, `${args.join(' ')}: ${ran.stderr}`).toMatchObject({ code: 0 });
    return ran;
  };
  const count = async () => (await livingJobs(cluster)).length;

  it('comes to a pilot by what init asks for', async () => {
    const asked = await glidein('init', 'campus', '--host', 'campus');
    expect(asked.code).toBe(2);
    for (const option of ['--owner', '--token', '--osg-site', '--osg-resource']) expect(asked.stderr).toContain(option);
    const token = join(home, '.config/glidein/campus.token');
    await mustRun('sh', ['-c', `cat | install -D -m 600 /dev/stdin ${token}`], { input: `${testToken()}\n` });
    const names = ['--osg-site', 'Campus', '--osg-resource', 'Campus-Slurm', '--owner', 'ada@ap.example.org'];
    const nodes = bed.settings.flatMap((setting) => ['--set', setting]); // The nodes have no Apptainer.
    const made = await done('init', 'campus', '--host', 'campus', ...names, '--walltime', '00:30:00', ...nodes);
    expect(made.stderr).toContain('next: glidein check campus');
    expect((await done('check', 'campus')).stdout).toContain('all that could be tried fits');
    await done('top-up', 'campus');
    await waitUntil('its pilot runs', 60, async () => bed.started().length === 1);
    expect(await count()).toBe(1);
  });

  it('comes from a profile to a pilot and back by the commands that each step tells', async () => {
    expect((await done('--version')).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect((await done('--help')).stdout).toContain('top-up');
    const nothing = await glidein('top-up');
    expect(nothing).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('next: glidein init   (or: glidein site import FILE)'),
    });

    const token = join(home, '.secrets/token');
    const profile = {
      name: 'campus',
      target: 2,
      conection: { host: 'campus' },
      scheduler: { kind: 'slurm', walltime: '00:30' },
      pilot: { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada@ap.example.org'], token },
    };
    const file = join(home, 'campus.json');
    writeFileSync(file, JSON.stringify(profile));
    const wrong = await glidein('site', 'import', file);
    expect(wrong.code).toBe(2);
    for (const mistake of ['conection', 'connection', 'walltime']) expect(wrong.stderr).toContain(mistake);
    const { conection: connection, ...right } = profile;
    const walltime = { kind: 'slurm', walltime: '00:30:00' };
    writeFileSync(file, JSON.stringify({ ...right, connection, scheduler: walltime }));
    await done('site', 'import', file);
    expect((await done('site', 'list')).stdout).toContain('campus');
    expect((await done('site', 'show', 'campus')).stdout).toContain('Campus-Slurm');

    const missing = await glidein('token', 'check', 'campus');
    expect(missing).toMatchObject({
      code: 2,
      stderr: expect.stringContaining(`install -D -m 600 /dev/stdin ${token}`),
    });
    // As the hint says, from a pipe.
    const typed = missing.stderr.match(/install -D -m 600 \/dev\/stdin \S+/)?.[0] ?? 'false';
    await mustRun('sh', ['-c', `cat | ${typed}`], { input: `${testToken()}\n` });
    expect((await done('token', 'check', 'campus')).stdout).toContain('good until');

    const rendered = await done('render', 'campus');
    expect(rendered.stdout.startsWith('#!/bin/bash')).toBe(true);
    expect(rendered.stdout).toContain('(TARGET.User =?= "ada@ap.example.org")');
    expect(rendered.stderr).toContain('sbatch');
    expect(await run('bash', ['-n'], { input: rendered.stdout })).toMatchObject({ code: 0, stderr: '' });

    await done('site', 'set', 'campus', ...bed.settings); // The nodes have no Apptainer.
    const dry = await done('submit', 'campus', '--dry-run', '--json');
    expect(JSON.parse(dry.stdout)).toMatchObject({ sites: [{ submitted: 0, planned: { submit: 1 } }] });
    expect(await count()).toBe(0);

    const submitted = await done('submit', 'campus');
    const [id = ''] = (await livingJobs(cluster)).map((job) => job.id);
    expect(await count()).toBe(1);
    expect(submitted.stdout).toContain('campus');
    expect((await done('status', 'campus')).stdout).toContain(id);
    expect(await glidein('cancel', 'campus')).toMatchObject({ code: 2 });
    expect(await count()).toBe(1);
    await done('cancel', 'campus', id);
    await waitUntil('it is gone', 20, async () => (await count()) === 0);

    await done('top-up', 'campus');
    expect(await count()).toBe(2);
    await done('cancel', 'campus', '--all');
    await waitUntil('they are gone', 20, async () => (await count()) === 0);
    await done('site', 'remove', 'campus');
    expect(await glidein('status', 'campus')).toMatchObject({ code: 2 });
  });

  it('finds all of the program’s files in its own two places, for nobody else to read', async () => {
    chmodSync(home, 0o755);
    const token = join(home, 'token');
    writeFileSync(token, testToken(), { mode: 0o600 });
    const pilot = { site: 'Campus', resource: 'Campus-Slurm', owners: ['ada'], token };
    const connection = { host: 'campus' };
    const scheduler = { kind: 'slurm', walltime: '00:30:00' };
    const file = join(home, 'campus.json');
    writeFileSync(file, JSON.stringify({ name: 'campus', target: 1, connection, scheduler, pilot }));
    const known = new Set(filesBelow(home));
    await done('site', 'import', file);
    await done('site', 'set', 'campus', ...bed.settings);
    await done('top-up', 'campus');
    const made = filesBelow(home)
      .filter((path) => !known.has(path))
      .map((path) => path.slice(home.length + 1));
    expect(made.sort()).toEqual([
      '.config/glidein/sites/campus.json',
      '.local/share/glidein/history/campus.jsonl',
      '.local/share/glidein/queues/campus.json',
    ]);
    for (const place of ['.config/glidein', '.local/share/glidein']) {
      for (const { path, directory, mode } of modesBelow(join(home, place))) {
        expect(mode, path).toBe(directory ? '700' : '600');
      }
    }
  });
});
