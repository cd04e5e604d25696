import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setUpDesk } from '../../src/demo/desk.ts';
import type { SpokenKind } from '../../src/demo/spoken-schedulers.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { commandLine } from '../../src/shell.ts';
import { type AtTerminal, atTerminal, hasTerminals } from '../support/at-terminal.ts';
import { checkedIn } from '../support/check-json.ts';
import { glidein } from '../support/glidein.ts';
import { aliveIn, standIn } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** `glidein init` on the stand-in cluster, over SSH. With a real sshd and Slurm: test/real/init.test.ts. */

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
const ctrlC = '\u0003';
const ctrlD = '\u0004';

let cluster: StandIn;
let home: string;
let env: NodeJS.ProcessEnv;
let configDir: string;
afterEach(() => cluster[Symbol.asyncDispose]());
async function start(scheduler: SpokenKind): Promise<void> {
  cluster = await standIn({ login: true, scheduler, starts: 'when told', runs: 'nothing' });
  if (cluster.loginNode === null) throw new Error('there is no login node');
  const desk = setUpDesk({ ...cluster.loginNode, home: join(cluster.directory, 'desk'), target: 1 });
  ({ home, environment: env } = desk);
  configDir = join(home, '.config/glidein');
}
const call = (...args: string[]) => glidein(configDir, args, { env });
const sites = () => (existsSync(join(configDir, 'sites')) ? readdirSync(join(configDir, 'sites')) : []);
const profile = () => JSON.parse(readFileSync(join(configDir, 'sites/campus.json'), 'utf8')) as Record<string, object>;

/** What only the person knows. */
const person = () => [
  ...['--owner', 'ada@ap.example.org', '--token', join(home, 'campus.token')],
  ...['--osg-site', 'Example-Campus', '--osg-resource', 'Example-Campus-1'],
];
const full = () => ['campus', '--host', 'login.campus', ...person()];

/** The answers of a person to whom the cluster leaves nothing to choose; Slurm's own clients may be on this machine, too. */
const answers = (kind: SpokenKind): [string, string][] => [
  ['Login host', 'login.campus\n'],
  ['A short name for the site [campus]:', '\n'],
  ...((kind === 'lsf' ? [['Project that is charged', 'abc\n']] : [['Account that is charged', 'abc\n']]) as [
    string,
    string,
  ][]),
  ['Wall clock', '12:00:00\n'],
  ['Owner:', 'ada@ap.example.org\n'],
  ['OSG site:', 'Example-Campus\n'],
  ['OSG resource:', 'Example-Campus-1\n'],
  ['File with the token', '~/campus.token\n'],
  ['How many pilots', '2\n'],
  ['Write this', '\n'],
];

describe.each(['slurm', 'pbs', 'torque', 'lsf'] as const)('on %s', (kind) => {
  beforeEach(() => start(kind));

  it('options alone give a profile that check passes, and that top-up submits', async () => {
    const made = await call('init', ...full(), '--scheduler', kind, '--json');
    expect(made, made.stderr).toMatchObject({ code: 0 });
    const report = JSON.parse(made.stdout);
    expect(report).toMatchObject({ site: 'campus', outcome: 'created', dryRun: false, profile: profile() });
    expect(report.found).toMatchObject({ schedulers: [{ kind, queues: ['compute'], reason: null }] });
    expect(profile()['scheduler']).toEqual({
      ...{ kind, queue: 'compute', walltime: '2-00:00:00' },
      ...(kind === 'pbs' || kind === 'torque' ? { cores: 16 } : {}),
    });
    expect(checkedIn(await call('check', 'campus', '--json'))).toMatchObject({
      code: 0,
      failed: [],
    });
    expect(await call('top-up', 'campus')).toMatchObject({ code: 0 });
    expect(aliveIn(cluster)).toHaveLength(1);
  });

  it.runIf(hasTerminals)('a person at a terminal gets there, too', async () => {
    const words = commandLine([process.execPath, program, 'init', '--scheduler', kind]);
    const { code, screen } = await atTerminal(words, {
      env,
      answers: answers(kind),
    });
    expect(code, screen).toBe(0);
    expect(profile()).toMatchObject({
      name: 'campus',
      target: 2,
      scheduler: { kind, queue: 'compute', walltime: '12:00:00', [kind === 'lsf' ? 'project' : 'account']: 'abc' },
      pilot: { owners: ['ada@ap.example.org'], token: '~/campus.token' },
    });
    expect(screen).toContain('next: glidein check campus');
    expect(screen.indexOf('queue ')).toBeLessThan(screen.indexOf('Write this'));
    expect(checkedIn(await call('check', 'campus', '--json'))).toMatchObject({ code: 0, failed: [] });
  });
});

describe('without a terminal', () => {
  beforeEach(() => start('slurm'));

  it('names all that is missing at once, with a command that would do, and asks no host', async () => {
    const said = await call('init', '--queue', 'compute');
    expect(said.code).toBe(2);
    const options = ['SITE', '--host HOST', '--owner OWNER', '--token FILE', '--osg-site NAME', '--osg-resource NAME'];
    for (const option of options) expect(said.stderr).toContain(option);
    expect(said.stderr).toMatch(/next: glidein init campus --host \S+ --queue compute --owner .* --token /);
    expect(await call('init', 'campus', '--host', 'nowhere.invalid', '--target', 'x')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--token FILE[\s\S]*--target must be a whole number/),
    });
    expect(sites()).toEqual([]);
  });

  it.each([
    [
      'a queue that is not there',
      ['--queue', 'copmute'],
      /--queue is copmute, .*it has compute\nnext: .*--queue compute/,
    ],
    ['a wall clock that the queue does not allow', ['--walltime', '9-00:00:00'], /--walltime is 9-00.*allows at most/],
    ['more cores than a node has', ['--cores', '17'], /--cores is 17/],
    ['a token that is not there', ['--token', '/nowhere'], /there is no token at \/nowhere/],
    ['an owner that no expression can hold', ['--owner', 'a$(b)'], /--owner/],
    ['a token that ends before a pilot would', ['--token', 'short.token'], /does not last: .*\nnext: .*--walltime/],
    ['a value that no job can carry', ['--set', 'pilot.env={"TOKEN":"x"}'], /pilot\.env/],
    ['no owner at all', ['--owner', ''], /--owner OWNER/],
    ['a key that is none', ['--set', 'conection.port=1'], /conection\.port/],
    ['a batch system that is not there', ['--scheduler', 'lsf'], /the commands of lsf are not all on PATH/],
  ])('writes nothing for %s', async (_what, more, words) => {
    writeFileSync(join(home, 'short.token'), testToken(3600), { mode: 0o600 });
    const given = full().filter(
      (word, at, all) => more[0] !== '--owner' || (word !== '--owner' && all[at - 1] !== '--owner'),
    );
    const last = more.map((word) => (word === 'short.token' ? join(home, word) : word));
    const said = await call('init', ...given, '--scheduler', 'slurm', ...last);
    expect(said.code === 2 || said.code === 3, said.stderr).toBe(true);
    expect(said.stderr).toMatch(words);
    expect(sites()).toEqual([]);
  });

  it('shows what it found, and the profile, before it writes', async () => {
    const { stderr, stdout } = await call('init', ...full(), '--scheduler', 'slurm');
    expect(stderr).toMatch(
      /found at ada@[\s\S]*compute: 4 nodes of up to 16 cores[\s\S]*"owners"[\s\S]*next: glidein check campus/,
    );
    expect(stdout).toMatch(/^campus: created \(.*campus\.json\)\n$/);
    expect((await call('init', 'other', ...full().slice(1), '--scheduler', 'slurm', '--quiet')).stderr).toBe('');
  });

  it('prints the profile alone with --dry-run, and site import takes that', async () => {
    const dry = await call('init', ...full(), '--scheduler', 'slurm', '--dry-run', '--set', 'limits.maxPending=9');
    expect(dry).toMatchObject({ code: 0 });
    expect(sites()).toEqual([]);
    expect(JSON.parse(dry.stdout)).toMatchObject({ name: 'campus', limits: { maxPending: 9 } });
    expect(await glidein(configDir, ['site', 'import', '-'], { env, input: dry.stdout })).toMatchObject({ code: 0 });
  });

  it('leaves a site that is there as it is, but with --replace', async () => {
    expect(await call('init', ...full(), '--scheduler', 'slurm')).toMatchObject({ code: 0 });
    const before = readFileSync(join(configDir, 'sites/campus.json'), 'utf8');
    const again = await call('init', ...full(), '--scheduler', 'slurm', '--target', '7');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('--replace') });
    expect(readFileSync(join(configDir, 'sites/campus.json'), 'utf8')).toBe(before);
    const replaced = await call('init', ...full(), '--scheduler', 'slurm', '--target', '7', '--replace');
    expect(replaced.stdout).toContain('campus: replaced');
    expect(profile()['target']).toBe(7);
  });

  it('takes a token and an image from where they are usually put', async () => {
    writeFileSync(join(configDir, 'campus.token'), readFileSync(join(home, 'campus.token')), { mode: 0o600 });
    const { uid, gid } = statSync(cluster.home);
    mkdirSync(join(cluster.home, '.glidein'), { mode: 0o755 });
    chownSync(join(cluster.home, '.glidein'), uid, gid);
    writeFileSync(join(cluster.home, '.glidein/ospool-ep.sif'), 'an image\n', { mode: 0o644 });
    const words = full().filter((word, at, all) => word !== '--token' && all[at - 1] !== '--token');
    expect(await call('init', ...words, '--scheduler', 'slurm')).toMatchObject({ code: 0 });
    expect(profile()).toMatchObject({
      pilot: { token: join(configDir, 'campus.token') },
      image: { remotePath: '~/.glidein/ospool-ep.sif' },
    });
    const checked = checkedIn(await call('check', 'campus', '--json'));
    expect(checked).toMatchObject({ code: 0, failed: [] });
    expect(checked.warnings).not.toContain('image');
  });

  it('says where it failed to get in, and what to try by hand', async () => {
    const ssh = join(home, 'bin/ssh');
    writeFileSync(ssh, readFileSync(ssh, 'utf8').replace(/^port \d+$/m, 'port 1'));
    const said = await call('init', ...full(), '--host', 'bob@login.campus');
    expect(said.code).toBe(3);
    expect(said.stderr).toContain('next: ssh bob@login.campus');
    expect(sites()).toEqual([]);
  });
});

describe.runIf(hasTerminals)('at a terminal', () => {
  beforeEach(() => start('slurm'));
  const typed = (given: AtTerminal['answers'], ...args: string[]) => {
    const words = commandLine([process.execPath, program, 'init', ...args]);
    return atTerminal(words, { env, answers: given });
  };
  const allButLast = () => answers('slurm').slice(0, -1);

  it('what does not do is asked for again', async () => {
    const mistaken: [string, string][] = [
      ['Login host', '\n'],
      ...answers('slurm').slice(0, 3),
      ['Wall clock', 'a day\n'],
      ['Wall clock', '3-00:00:00\n'],
      ['Wall clock', '\n'],
      ...answers('slurm').slice(4, 7),
      ['File with the token', '~/campus.json\n'],
      ...answers('slurm').slice(7),
    ];
    const { code, screen } = await typed(mistaken, '--scheduler', 'slurm');
    expect(code, screen).toBe(0);
    for (const words of ['cannot be left out', 'must be a wall clock', 'allows at most', 'next: chmod 600'])
      expect(screen).toContain(words);
    expect(profile()['scheduler']).toMatchObject({ walltime: '2-00:00:00' });
  });

  it.each([
    ['the first question', 0],
    ['a question after the look', 3],
    ['the last question', 9],
  ])('ctrl-C and ctrl-D at %s leave nothing, and exit 130', async (_where, at) => {
    for (const key of [ctrlC, ctrlD]) {
      const given: [string, string][] = [...answers('slurm').slice(0, at), [answers('slurm')[at]?.[0] ?? '', key]];
      const { code, screen } = await typed(given, '--scheduler', 'slurm');
      expect(code, screen).toBe(130);
      expect(screen).toMatch(/\n(?:\S*)error:.* interrupted/);
      expect(sites()).toEqual([]);
    }
  });

  it('no at the end writes nothing', async () => {
    const { code, screen } = await typed([...allButLast(), ['Write this', 'n\n']], '--scheduler', 'slurm');
    expect({ code, screen }).toMatchObject({ code: 2, screen: expect.stringContaining('nothing was written') });
    expect(sites()).toEqual([]);
  });

  it('a site that is there is replaced only where that is wanted', async () => {
    expect(await call('init', ...full(), '--scheduler', 'slurm')).toMatchObject({ code: 0 });
    const no = await typed([...answers('slurm').slice(0, 2), ['has a profile already', '\n']], '--scheduler', 'slurm');
    expect(no).toMatchObject({ code: 2 });
    expect(profile()['target']).toBe(1);
    const yes: [string, string][] = [
      ...answers('slurm').slice(0, 2),
      ['has a profile already', 'y\n'],
      ...answers('slurm').slice(2),
    ];
    expect(await typed(yes, '--scheduler', 'slurm')).toMatchObject({ code: 0 });
    expect(profile()['target']).toBe(2);
  });
});
