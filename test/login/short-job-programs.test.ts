import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepare, readParts } from '../../src/login/remote-programs.ts';
import { beginJob, endJob, endOrphans, lookAtJob, watchJob } from '../../src/login/short-job-programs.ts';
import { slurm } from '../../src/schedulers/slurm.ts';

/** What runs on the login host around a job that tries out a node, in real shells. */

const mark = 'abcdef0123456789ab';
const tag = 'check-campus-0123456789';
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-trial-'));
  for (const name of ['site', 'site/logs']) mkdirSync(join(home, name));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const trial = {
  ...{ kind: 'check', tag, leavings: [], script: '#!/bin/bash\necho "$HOME" \'it\'\n', submitSeconds: 20 },
  submitCommand: `sh -c 'cat > "$HOME"/submitted; echo 4711'`,
};
const cancel = `sh -c 'echo 4711 >> "$HOME"/cancelled'`;

/** Runs the programs in one shell, as a session does; at its end nobody listens any more. */
function session(shell: string, ...texts: string[]) {
  const directories = { site: '~/site', jobs: '~/site', logs: '~/site/logs' };
  const options = { mark, looksOnly: true, judgesDirectories: false };
  const program = [prepare(directories, slurm.defaultsPrefixes, options), ...texts].join('\n');
  const { stdout, stderr } = spawnSync(shell, ['-c', program], {
    env: { PATH: process.env['PATH'], HOME: home },
    encoding: 'utf8',
  });
  return { stdout, stderr, parts: readParts({ stdout, stderr }, mark) };
}
const cancelled = () => (existsSync(join(home, 'cancelled')) ? readFileSync(join(home, 'cancelled'), 'utf8') : '');
const files = () => readdirSync(join(home, 'site'), { recursive: true }).map(String).sort();
const onlyDirectories = ['drain', 'ends', 'jobs', 'logs', 'seen'];

describe.each(['sh', 'bash'])('a session of %s with a trial', (shell) => {
  it('submits the script byte for byte, with all that the job needs', () => {
    const { parts, stdout } = session(shell, beginJob(trial), 'find "$j" -type f | sort');
    expect(parts.get('place')).toMatchObject({ code: 0 });
    expect(parts.get('submit')).toMatchObject({ code: 0, stdout: '4711\n' });
    expect(readFileSync(join(home, 'submitted'), 'utf8')).toBe(trial.script);
    expect(stdout).toContain(`/jobs/${tag}.sh\n`);
    expect(stdout).toContain(`/logs/.check.${tag}\n`);
  });

  it('leaves nothing when it ends, and ends the job once it knows its id', () => {
    session(shell, beginJob(trial));
    expect({ files: files(), cancelled: cancelled() }).toEqual({ files: onlyDirectories, cancelled: '' });
    session(shell, beginJob(trial), watchJob(cancel));
    expect({ files: files(), cancelled: cancelled() }).toEqual({ files: onlyDirectories, cancelled: '4711\n' });
  });

  it.each(['TERM', 'HUP', 'PIPE'])('does so by the signal %s, too', (signal) => {
    session(shell, beginJob(trial), watchJob(cancel), `kill -${signal} $$; sleep 5`);
    expect({ files: files(), cancelled: cancelled() }).toEqual({ files: onlyDirectories, cancelled: '4711\n' });
  });

  it('ends the job not again that it has ended, nor one that is over', () => {
    session(shell, beginJob(trial), watchJob(cancel), endJob(cancel));
    expect({ files: files(), cancelled: cancelled() }).toEqual({ files: onlyDirectories, cancelled: '4711\n' });
    session(shell, beginJob(trial), watchJob(cancel), endJob(null));
    expect({ files: files(), cancelled: cancelled() }).toEqual({ files: onlyDirectories, cancelled: '4711\n' });
  });

  it('submits nothing where nothing can be written, and goes on', () => {
    rmSync(join(home, 'site'), { recursive: true });
    spawnSync('touch', [join(home, 'site')]);
    const { parts, stdout } = session(shell, beginJob(trial), 'echo still here');
    expect(parts.get('place')?.code).not.toBe(0);
    expect(parts.has('submit')).toBe(false);
    expect(stdout).toContain('still here');
    expect(existsSync(join(home, 'submitted'))).toBe(false);
  });

  it('begins although another that ends takes the directory of all away meanwhile', () => {
    const other = `mkdir() { command mkdir "$@" && case $* in *logs*) rmdir "$j"/check; esac; }`;
    const { parts } = session(shell, other, beginJob(trial));
    expect(parts.get('place')).toMatchObject({ code: 0, stderr: '' });
    expect(parts.get('submit')).toMatchObject({ code: 0, stdout: '4711\n' });
  });

  it('reads an answer, and says so also where its directory is gone', () => {
    const answer = `echo 'glidein-node x' > "$j"/check/${tag}/answer`;
    const look = lookAtJob(trial, 'echo listed', 5);
    const { parts } = session(shell, beginJob(trial), answer, look);
    expect(parts.get('answer')).toMatchObject({ stdout: 'glidein-node x\n' });
    expect(parts.get('listing')).toMatchObject({ code: 0, stdout: 'listed\n' });
    const gone = session(shell, beginJob(trial), `rm -rf "$j"/check`, look).parts;
    expect(gone.get('answer')).toMatchObject({ stdout: '' });
    expect(gone.get('listing')).toMatchObject({ code: 0, stdout: 'listed\n' });
  });

  it('ends jobs of earlier trials whose directory is gone, and no others', () => {
    const one = (name: string) => ({
      kind: 'check',
      tag: name,
      cancelCommand: `sh -c 'echo ${name} >> "$HOME"/cancelled'`,
    });
    const orphan = 'check-campus-aaaaaaaaaa';
    session(shell, beginJob(trial), endOrphans([one(tag), one(orphan)]));
    expect(cancelled()).toBe(`${orphan}\n`);
  });
});
