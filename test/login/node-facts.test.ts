import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { headOf, type NodeFact, type NodeWanted, nodeProgram, readAnswer } from '../../src/login/node-facts.ts';
import { type LoopbackServer, loopbackServer } from '../support/loopback-server.ts';
import { nodeTrialWanted, runtimeOnNode } from '../support/node-trial.ts';
import { run } from '../support/run-program.ts';

/** The job that tries out a node, in a real bash. */

const tag = 'check-campus-0123456789';
let place: string;
let servers: LoopbackServer[];
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'glidein-node-'));
  for (const name of ['home', 'jobs', 'jobs/seen', 'jobs/ends', `jobs/check/${tag}`, 'logs', 'bin', 'local'])
    mkdirSync(join(place, name), { recursive: true });
  writeFileSync(join(place, `logs/.check.${tag}`), '');
  servers = [];
});
afterEach(() => {
  for (const server of servers) server.close();
  rmSync(place, { recursive: true, force: true });
});

/** A program in front of the system's own, for this test. */
function inFront(name: string, script: string): void {
  writeFileSync(join(place, 'bin', name), script.startsWith('#!') ? script : `#!/bin/bash\n${script}\n`);
  chmodSync(join(place, 'bin', name), 0o755);
}

async function listening(words: string): Promise<LoopbackServer> {
  const server = await loopbackServer(words);
  servers.push(server);
  return server;
}

async function tried(changes: Partial<NodeWanted> = {}, env: NodeJS.ProcessEnv = {}) {
  const script = join(place, 'job.sh');
  const wanted = nodeTrialWanted({ tag, jobDir: join(place, 'jobs'), logDir: join(place, 'logs'), ...changes });
  writeFileSync(script, nodeProgram(wanted), { mode: 0o700 });
  const environment = {
    PATH: `${join(place, 'bin')}:/usr/bin:/bin`,
    HOME: join(place, 'home'),
    TMPDIR: join(place, 'local'),
    ...env,
  };
  const ran = await run('bash', ['-p', script], { env: environment, seconds: 60 });
  const file = join(place, `jobs/check/${tag}/answer`);
  const facts = existsSync(file) ? readAnswer(readFileSync(file, 'utf8'), tag) : null;
  return { ...ran, facts: facts ?? new Map<string, NodeFact>(), isAnswered: facts !== null };
}

describe('the job that tries out a node', () => {
  it('finds all that is there, and leaves nothing but its answer', async () => {
    inFront('apptainer', runtimeOnNode);
    writeFileSync(join(place, 'pilot.sif'), '');
    const [squid, pool, registry] = [
      await listening('HTTP/1.1 400 Bad\r\n\r\n'),
      await listening(''),
      await listening(''),
    ];
    const { facts, stdout, stderr, code } = await tried({
      ...{ image: join(place, 'pilot.sif'), squid, pool: [pool], registry: [registry] },
    });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    const fine = [
      'user',
      'marks',
      'logs',
      'image',
      'runtime',
      'container',
      'nested',
      'scratch',
      'squid',
      'pool',
      'registry',
    ];
    for (const name of fine) expect(facts.get(name), name).toMatchObject({ status: 0 });
    expect(facts.get('runtime')?.said).toBe('apptainer version 1.4.5');
    expect(facts.get('scratch')?.said).toMatch(new RegExp(`^\\d+ \\S+ ${join(place, 'local')}$`));
    expect(Number(facts.get('files')?.said)).toBeGreaterThan(0);
    expect(Math.abs(Number(facts.get('clock')?.said) - Date.now() / 1000)).toBeLessThan(10);
    expect(readdirSync(join(place, 'local'))).toEqual([]);
    expect(readdirSync(join(place, 'jobs/seen'))).toEqual([]);
    expect(readdirSync(join(place, `jobs/check/${tag}`))).toEqual(['answer']);
  });
});

it('is shell text without a mistake', () => {
  for (const wanted of [nodeTrialWanted({}), nodeTrialWanted({ gpus: true, modules: ['apptainer/1.3'] })]) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: nodeProgram(wanted), encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }
});

it('has the directives of the script, and none of its commands', () => {
  const script = '#!/bin/bash -p\n#SBATCH --nodes=1\n# a word\n\n#SBATCH --mem=0\n\nset -u\n#SBATCH --late\n';
  expect(headOf(script)).toBe('#!/bin/bash -p\n#SBATCH --nodes=1\n# a word\n\n#SBATCH --mem=0\n');
});

describe('a node that lacks what pilots need', () => {
  it('has no runtime, and says so of nothing else', async () => {
    writeFileSync(join(place, 'pilot.sif'), '');
    const { facts } = await tried({ runtime: '/opt/none/apptainer', image: join(place, 'pilot.sif') });
    expect(facts.get('runtime')).toMatchObject({ status: 127 });
    for (const name of ['container', 'nested']) expect(facts.has(name), name).toBe(false);
    for (const name of ['marks', 'logs', 'image', 'scratch'])
      expect(facts.get(name), name).toMatchObject({ status: 0 });
  });

  it('cannot load one of the modules, and has the other', async () => {
    mkdirSync(join(place, 'lmod/init'), { recursive: true });
    writeFileSync(join(place, 'lmod/init/bash'), 'module() { [[ $2 == good ]]; }\n');
    const { facts } = await tried({ modules: ['good', 'bad'] }, { LMOD_PKG: join(place, 'lmod') });
    expect(facts.get('modules')).toEqual({ status: 1, said: 'bad' });
  });

  it('has a runtime whose container ends without a word, and one that starts no second', async () => {
    writeFileSync(join(place, 'pilot.sif'), '');
    const image = join(place, 'pilot.sif');
    inFront('apptainer', "[[ $1 == --version ]] && exit 0; echo 'FATAL: no'; exit 255");
    expect((await tried({ image })).facts.get('container')).toEqual({ status: 255, said: 'FATAL: no' });
    inFront('apptainer', "[[ $1 == --version ]] && exit 0; echo glidein-inside; echo 'glidein-nested 255 FATAL: fuse'");
    const { facts } = await tried({ image });
    expect(facts.get('container')).toMatchObject({ status: 0 });
    expect(facts.get('nested')).toEqual({ status: 255, said: 'FATAL: fuse' });
  });

  it('reaches the second of two hosts, and tells of all where it reaches none', async () => {
    const [there, gone] = [await listening(''), await listening('')];
    gone.close();
    const found = await tried({ pool: [gone, there], registry: [gone, gone], squid: gone });
    expect(found.facts.get('pool')).toEqual({ status: 0, said: `127.0.0.1:${there.port}` });
    const refused = `127.0.0.1:${gone.port} (Connection refused)`;
    expect(found.facts.get('registry')).toEqual({ status: 1, said: `${refused}, ${refused}` });
    expect(found.facts.get('squid')).toEqual({ status: 1, said: 'Connection refused' });
    const nowhere = { host: 'no-such-host.invalid', port: 443 };
    const unknown = await tried({ pool: [nowhere], squid: nowhere });
    expect(unknown.facts.get('pool')?.said).toMatch(/^no-such-host\.invalid:443 \(.*\b(?:name|resolution)\b.*\)$/i);
    expect(unknown.facts.get('squid')?.said).toMatch(/\b(?:name|resolution)\b/i);
    const mute = await tried({ squid: await listening('hello\n') });
    expect(mute.facts.get('squid')).toEqual({ status: 1, said: 'what answers is no proxy' });
  });

  it('counts the GPUs that are there', async () => {
    inFront('nvidia-smi', "echo 'GPU 0: A100 (UUID: x)'; echo 'GPU 1: A100 (UUID: y)'");
    expect((await tried({ gpus: true })).facts.get('gpus')?.said).toMatch(/^2 GPU 0: A100/);
  });

  it('gives no answer where nobody waits for one', async () => {
    rmSync(join(place, 'jobs/check'), { recursive: true });
    const { code, stderr } = await tried();
    expect(code).toBe(73);
    expect(stderr).toMatch(/is not on \S+, or nobody waits/);
    expect(readdirSync(join(place, 'jobs')).sort()).toEqual(['ends', 'seen']);
  });
});

describe('an answer', () => {
  const whole = `glidein-node ${tag}\nuser 0 ada\nfiles 0 1024\nend\n`;
  it('is read when it is whole', () => {
    expect(readAnswer(whole, tag)?.get('files')).toEqual({ status: 0, said: '1024' });
  });

  it('is none when it is cut, or is another trial’s', () => {
    for (let length = 0; length < whole.length; length += 1) expect(readAnswer(whole.slice(0, length), tag)).toBeNull();
    expect(readAnswer(whole, 'check-campus-9999999999')).toBeNull();
  });
});
