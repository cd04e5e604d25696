import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepare, readParts } from '../../src/login/remote-programs.ts';
import { factsProgram, lockStatus, PartSpans } from '../../src/login/site-facts.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { pathWithout } from '../support/path-without.ts';

/** The program that tries out a login host, in a real shell. */

const mark = 'abcdef0123456789ab';
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'glidein-facts-'));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

/** A program in front of the system's own, for this test. */
function inFront(name: string, script: string): void {
  mkdirSync(join(home, 'bin'), { recursive: true });
  writeFileSync(join(home, 'bin', name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(home, 'bin', name), 0o755);
}

function facts(more: { imagePath?: string } = {}) {
  const directories = { site: '~/site', jobs: '~/site', logs: '~/site/logs' };
  const options = { mark, looksOnly: true, judgesDirectories: false };
  const program = factsProgram({
    ...{
      scheduler: slurm,
      listCommand: 'true',
      timeouts: { listSeconds: 5 },
      imagePath: null,
      imagesDirectory: null,
      ...more,
    },
    ...{ distributionPath: null, runtimes: ['no-such-runtime'], owner: 'a test', outside: null },
  });
  const text = `${prepare(directories, slurm.defaultsPrefixes, options)}\n(\n${program}\n) </dev/null 9<&-`;
  const env = { PATH: `${join(home, 'bin')}:${process.env['PATH']}`, HOME: home };
  const { stdout, stderr } = spawnSync('sh', ['-c', text], { env, encoding: 'utf8' });
  return readParts({ stdout, stderr }, mark);
}

describe('the program that tries out a login host', () => {
  it('has a lock that a second process sees held, by flock', () => {
    expect(facts().get('lock')).toMatchObject({ code: 0, stdout: 'flock\n' });
    expect(readdirSync(join(home, 'site')).filter((name) => name.startsWith('check'))).toEqual([]);
  });

  it('has one without flock, too', () => {
    inFront('flock', 'exit 69');
    expect(facts().get('lock')).toMatchObject({ code: 0, stdout: 'directory\n' });
  });

  it('says that a lock keeps nobody out where flock lets everybody have it', () => {
    inFront('flock', 'exit 0');
    expect(facts().get('lock')?.code).toBe(lockStatus.keepsNobodyOut);
  });

  it('says that a directory cannot be made, and goes on', () => {
    writeFileSync(join(home, 'site'), 'a file');
    const parts = facts();
    expect(parts.get('directories')?.code).not.toBe(0);
    expect(parts.get('directories')?.stderr).toMatch(/File exists|Not a directory/);
    expect(parts.get('lock')?.code).toBe(lockStatus.notHad);
    expect([...parts.keys()].at(-1)).toBe('runtime');
  });

  it('says that nothing can be written where the disk takes no bytes', () => {
    inFront('cat', 'exit 0');
    const parts = facts();
    expect(parts.get('directories')).toMatchObject({ code: 1, stderr: expect.stringContaining('/site') });
    expect(existsSync(join(home, 'site/intents'))).toBe(true);
  });

  it('takes only a file for an image', () => {
    mkdirSync(join(home, 'image'));
    expect(facts({ imagePath: '~/image' }).get('image')?.code).toBe(1);
    writeFileSync(join(home, 'image.sif'), '');
    expect(facts({ imagePath: '~/image.sif' }).get('image')?.code).toBe(0);
  });
});

it('a login host that lacks a tool is not made ready for a pass', () => {
  const directories = { site: '~/site', jobs: '~/site', logs: '~/site/logs' };
  const options = { mark, looksOnly: false, judgesDirectories: true };
  const text = prepare(directories, slurm.defaultsPrefixes, options);
  const hostPart = (path: string | undefined) => {
    const { stdout, stderr } = spawnSync('sh', ['-c', text], { env: { PATH: path, HOME: home }, encoding: 'utf8' });
    return readParts({ stdout, stderr }, mark).get('host');
  };
  expect(hostPart(process.env['PATH'])?.code).toBe(0);
  const lacking = hostPart(pathWithout(['sha256sum'], join(home, 'bin')));
  expect(lacking).toMatchObject({ code: 1, stderr: 'sha256sum is not there\n' });
});

it('parts have their times however their markers are cut', () => {
  const text = `\n@${mark} clock\n1\n\n@end-${mark} clock 0\n\n@${mark} lock\nflock\n\n@end-${mark} lock 0\n\n@${mark} space\n`;
  for (let size = 1; size < text.length; size += 1) {
    let time = 0;
    const spans = new PartSpans(mark, () => time);
    for (let at = 0; at < text.length; at += size) {
      time = at;
      spans.saw(text.slice(at, at + size));
    }
    expect([...spans.spans.keys()], `${size}`).toEqual(['clock', 'lock', 'space']);
    expect(spans.spans.get('clock')?.endedAt, `${size}`).not.toBeNull();
    expect(spans.spans.get('space')?.endedAt, `${size}`).toBeNull();
    const { beganAt = 0, endedAt = 0 } = spans.spans.get('lock') ?? {};
    expect(endedAt ?? -1).toBeGreaterThanOrEqual(beganAt);
  }
});
