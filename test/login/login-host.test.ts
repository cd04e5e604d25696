import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FaultSet } from '../../src/demo/faults.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { type LoginHost, openLoginHost } from '../../src/login/login-host.ts';
import { receiveToken } from '../../src/login/remote-programs.ts';
import type { LoginSettings } from '../../src/login/session-opening.ts';
import { deliveredDigest, sendToken } from '../../src/login/token-delivery.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { wholeNodeJob as job } from '../support/batch-job.ts';
import { processesWith } from '../support/processes-with.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { aliveIn, standIn, startJob } from '../support/stand-in.ts';
import { waitUntil } from '../support/wait-until.ts';

let cluster: StandIn;
beforeEach(async () => {
  cluster = await standIn({ starts: 'when told', runs: 'nothing' });
});
afterEach(() => cluster[Symbol.asyncDispose]());

const settings: LoginSettings = {
  site: 'campus',
  jobName: 'g-campus',
  directories: { site: '~/.glidein/campus', jobs: '~/.glidein/campus', logs: '~/.glidein/campus/logs' },
  loginShell: false,
  prologue: [],
  timeouts: { connectSeconds: 5, listSeconds: 2, submitSeconds: 5 },
  imagePath: null,
  imagesDirectory: null,
  distributionPath: null,
  arrays: true,
  looksOnly: false,
  judgesDirectories: true,
  beginsWith: 'nothing',
  endedSince: null,
  asksAccounting: false,
};
const nothingElse = { notes: [], forget: [] };
const site = () => join(cluster.home, '.glidein/campus');

async function open(more: Partial<LoginSettings> = {}, env: NodeJS.ProcessEnv = {}): Promise<LoginHost> {
  const transport = shellTransport({ shell: '/bin/sh', env: { ...cluster.environment, ...env } });
  const host = await openLoginHost(transport, slurm, { ...settings, ...more }, quietContext());
  if (!host.ok) throw new Error(JSON.stringify(host.failure));
  return host.value;
}

function planned(sequence: number, count = 2, tag = `campus-aaaaaaaa${String(sequence).padStart(2, '0')}`) {
  const command = slurm.submitCommand(job, { tag, count, array: true, logDirWord: '"$l"', scriptWord: 'x.sh' });
  return { sequence, tag, count, nodes: 1, mode: 'keep' as const, script: '#!/bin/sh\necho "it\'s $HOME"\n', command };
}

async function lookAt(host: LoginHost) {
  const look = await host.look();
  if (!look.ok) throw new Error(JSON.stringify(look.failure));
  return look.value;
}

describe('the first round trip', () => {
  it('takes the lock and looks, and what it saw is the first look alone', async () => {
    await using host = await open({ beginsWith: 'lock and look' });
    expect(readFileSync(join(site(), 'lock'), 'utf8')).toContain(`process ${process.pid}`);
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
    expect((await lookAt(host)).census.pilots).toEqual([]);
    await host.submit([planned(1)], [], nothingElse);
    expect((await lookAt(host)).census.pilots).toHaveLength(2);
  });

  it('is not believed once something else ran', async () => {
    await using host = await open({ beginsWith: 'lock and look' });
    await host.submit([planned(1)], [], nothingElse);
    expect((await lookAt(host)).census.pilots).toHaveLength(2);
  });

  it('reads nothing where somebody else has the lock, and looks anew when that one let it go', async () => {
    const other = await open({ beginsWith: 'lock and look' });
    await using host = await open({ beginsWith: 'lock and look' });
    await other.submit([planned(1)], [], nothingElse);
    await other[Symbol.asyncDispose]();
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
    expect((await lookAt(host)).census.pilots).toHaveLength(2);
  });

  it('makes and locks nothing where it is only to look', async () => {
    await using host = await open({ looksOnly: true, beginsWith: 'look' });
    expect((await lookAt(host)).census.pilots).toEqual([]);
    expect(existsSync(site())).toBe(false);
  });

  it('runs the prologue before it, and tells when that failed', async () => {
    const said: string[] = [];
    const context = { ...quietContext(), emit: (event: object) => said.push(JSON.stringify(event)) };
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    const prologue = ['SQUEUE_STATES=R; export SQUEUE_STATES', 'echo oops >&2', 'false'];
    const more = { prologue, beginsWith: 'lock and look' as const };
    const host = await openLoginHost(transport, slurm, { ...settings, ...more }, context);
    if (!host.ok) throw new Error(JSON.stringify(host.failure));
    await using opened = host.value;
    await opened.submit([planned(1)], [], nothingElse);
    expect((await lookAt(opened)).census.pilots).toHaveLength(2);
    expect(said.join()).toContain('the prologue ended with 1: oops');
  });
});

describe('the lines of a prologue', () => {
  const opened = async (prologue: readonly string[]) => {
    const context = quietContext();
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    const host = await openLoginHost(transport, slurm, { ...settings, prologue, beginsWith: 'lock and look' }, context);
    return { host, told: context.events.flatMap((event) => (event.kind === 'warning' ? [event.text] : [])) };
  };

  it('is in no command line there, where everybody could read it', async () => {
    const commands: string[] = [];
    const real = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    const transport = {
      ...real,
      spawn: (command: string, options: { signal: AbortSignal }) => {
        commands.push(command);
        return real.spawn(command, options);
      },
    };
    const host = await openLoginHost(transport, slurm, { ...settings, prologue: ['PASSWORD=hunter2'] }, quietContext());
    if (!host.ok) throw new Error(JSON.stringify(host.failure));
    await using _opened = host.value;
    const readable = (text: string): string =>
      text.replaceAll(/[A-Za-z0-9+/=]{40,}/g, (one) => readable(Buffer.from(one, 'base64').toString()));
    expect(commands.map(readable).join()).toContain('glidein-session-ready');
    expect(commands.map(readable).join()).not.toContain('hunter2');
  });

  it('that no shell can parse is told, and what comes after it works', async () => {
    const { host, told } = await opened(['if true; then']);
    if (!host.ok) expect(host.failure.kind).toBe('connection-lost');
    else {
      await using there = host.value;
      expect((await lookAt(there)).census.pilots).toEqual([]);
      expect(told.join()).toContain('the prologue ended with');
    }
  });

  it('that ends in a backslash is as good as without', async () => {
    const { host, told } = await opened(['true \\']);
    if (!host.ok) throw new Error(JSON.stringify(host.failure));
    await using _there = host.value;
    expect(told).toEqual([]);
  });
});

it('lets go of a lock directory when the line is cut while it looks, in every sh', async () => {
  cluster.faults.set({ hang: 'list' });
  // A flock that the file system cannot do: the lock is a directory then.
  const bin = join(cluster.home, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'flock'), '#!/bin/sh\nexit 2\n', { mode: 0o755 });
  const env = { ...cluster.environment, PATH: `${bin}:${cluster.environment['PATH']}` };
  const interrupt = new AbortController();
  const transport = shellTransport({ shell: '/bin/sh', env });
  const opening = openLoginHost(
    transport,
    slurm,
    { ...settings, beginsWith: 'lock and look' },
    quietContext(interrupt.signal),
  );
  await waitUntil('it has the lock', 10, () => existsSync(join(site(), 'lock.d/owner')));
  interrupt.abort();
  expect(await opening).toMatchObject({ ok: false, failure: { kind: 'interrupted' } });
  await waitUntil('the lock is let go', 10, () => !existsSync(join(site(), 'lock.d')));
});

describe('on a login host', () => {
  it('our directory is 0700 and our files 0600, whatever the umask was', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    expect(statSync(site()).mode & 0o777).toBe(0o700);
    for (const file of ['intents/1/intent', 'intents/1/outcome', 'jobs/campus-aaaaaaaa01.sh']) {
      expect(statSync(join(site(), file)).mode & 0o777).toBe(0o600);
    }
  });

  it('submits the script as it is, and finds its pilots in the next look', async () => {
    await using host = await open();
    const answers = await host.submit([planned(1, 3)], [], nothingElse);
    expect(answers).toMatchObject({
      ok: true,
      value: [{ kind: 'answered', count: 3, output: { code: 0, stdout: '101\n' } }],
    });
    expect(readFileSync(join(site(), 'jobs/campus-aaaaaaaa01.sh'), 'utf8')).toBe(planned(1).script);
    const look = await lookAt(host);
    expect(look.census.pilots.map((pilot) => `${pilot.id} ${pilot.state}`)).toEqual([
      '101_0 pending',
      '101_1 pending',
      '101_2 pending',
    ]);
    expect(look.census.nextSequence).toBe(2);
    expect(look.census.notes).toEqual([]);
  });

  it('submits nothing when what was found out cannot be written down, and says so', async () => {
    await using host = await open();
    mkdirSync(join(site(), 'journal'));
    const notes = [{ kind: 'never' as const, tag: 'campus-0123456789', at: 1 }];
    expect(await host.submit([planned(1)], [], { notes, forget: [] })).toMatchObject({
      ok: true,
      value: [{ kind: 'unwritable', said: expect.stringContaining('journal') }],
    });
    expect(aliveIn(cluster)).toEqual([]);
    expect(readdirSync(join(site(), 'intents'))).toEqual([]);
  });

  it('says that pilots were told to end also when that cannot be written down', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    mkdirSync(join(site(), 'journal'));
    const closed = [{ kind: 'closed' as const, member: 'campus-aaaaaaaa01.0', at: 1 }];
    const orders = { drain: [], end: [], cancel: ['101_0'], onlyPending: true };
    const ended = await host.tell(orders, { ...nothingElse, closed, told: [] });
    expect(ended).toMatchObject({ ok: true, value: { unrecorded: { kind: 'login-host-unusable' } } });
  });

  it('writes drain marks for the owner alone, under names that are data', async () => {
    await using host = await open({ beginsWith: 'lock and look' });
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
    await host.submit([planned(1)], [], nothingElse);
    startJob(cluster, '101_0');
    const odd = ['101_0', '7[3].server', '$(touch ../ran)', "it's; x", '../../up', '-rf', '*'];
    const orders = { drain: odd, end: [], cancel: [], onlyPending: true };
    expect(await host.tell(orders, { ...nothingElse, closed: [], told: [] })).toMatchObject({ ok: true });
    // As the job itself makes a name of its id.
    const names = ['101_0', '7[3].server', '__touch_.._ran_', 'it_s__x', '.._.._up', '-rf', '_'];
    expect(readdirSync(join(site(), 'drain')).sort()).toEqual([...names].sort());
    expect(statSync(join(site(), 'drain/101_0')).mode & 0o777).toBe(0o600);
    const look = await lookAt(host);
    expect(look.census.pilots.map(({ id, isDraining }) => [id, isDraining])).toEqual([
      ['101_0', true],
      ['101_1', false],
    ]);
    expect(aliveIn(cluster)).toEqual(['101_0', '101_1']);
  });

  it('ends and cancels nothing where a drain mark cannot be written, and says so', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    rmSync(join(site(), 'drain'), { recursive: true });
    writeFileSync(join(site(), 'drain'), '');
    const orders = { drain: ['101_0'], end: [], cancel: ['101_1'], onlyPending: true };
    const told = await host.tell(orders, { ...nothingElse, closed: [], told: [] });
    expect(told).toMatchObject({ ok: false, failure: { kind: 'login-host-unusable' } });
    expect(aliveIn(cluster)).toEqual(['101_0', '101_1']);
  });

  it('tells the running in order and ends the others, and notes which was which', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    startJob(cluster, '101_0');
    const at = (await lookAt(host)).nowSeconds;
    const member = (index: number) => `campus-aaaaaaaa01.${index}`;
    const notes = {
      told: [{ kind: 'told' as const, member: member(0), at }],
      closed: [{ kind: 'closed' as const, member: member(1), at }],
    };
    const orders = { drain: [], end: ['101_0'], cancel: ['101_1'], onlyPending: false };
    expect(await host.tell(orders, { ...nothingElse, ...notes })).toMatchObject({
      ok: true,
      value: { unrecorded: null },
    });
    expect(aliveIn(cluster)).toEqual([]);
    expect(readFileSync(join(site(), 'journal'), 'utf8')).toBe(
      `\ntold ${member(0)} - ${at} .\n\nclosed ${member(1)} - ${at} .\n`,
    );
  });

  it('ends the running the hard way where the scheduler cannot tell their shells', async () => {
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    const host = await openLoginHost(transport, { ...slurm, endCommand: () => null }, settings, quietContext());
    if (!host.ok) throw new Error(JSON.stringify(host.failure));
    await using opened = host.value;
    await opened.submit([planned(1)], [], nothingElse);
    startJob(cluster, '101_0');
    const orders = { drain: [], end: ['101_0'], cancel: ['101_1'], onlyPending: false };
    const told = [{ kind: 'told' as const, member: 'campus-aaaaaaaa01.0', at: 1 }];
    expect(await opened.tell(orders, { ...nothingElse, closed: [], told })).toMatchObject({ ok: true });
    expect(aliveIn(cluster)).toEqual([]);
    expect(existsSync(join(site(), 'journal'))).toBe(false);
  });

  it('notes nothing of what the scheduler did not take', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    cluster.faults.set({ down: true });
    const notes = { told: [], closed: [{ kind: 'closed' as const, member: 'campus-aaaaaaaa01.0', at: 1 }] };
    const orders = { drain: [], end: [], cancel: ['101_0'], onlyPending: false };
    expect(await host.tell(orders, { ...nothingElse, ...notes })).toMatchObject({
      ok: false,
      failure: { kind: 'cancel-refused' },
    });
    expect(existsSync(join(site(), 'journal'))).toBe(false);
  });

  it('the fence lets one of two submissions with the same sequence through', async () => {
    await using one = await open();
    await using other = await open();
    const [first, second] = await Promise.all([
      one.submit([planned(1)], [], nothingElse),
      other.submit([planned(1, 2, 'campus-bbbbbbbbbb')], [], nothingElse),
    ]);
    const kinds = [first, second].map((answers) => answers.ok && answers.value[0]?.kind).sort();
    expect(kinds).toEqual(['answered', 'fenced']);
    expect(aliveIn(cluster)).toHaveLength(2);
  });

  it('a pass that looked before a later submission is fenced off, even when its own sequence was cleared away', async () => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    await host.submit([planned(2)], [], nothingElse);
    await host.record({ notes: [], forget: [{ sequence: 1, tag: planned(1).tag, marks: ['101_0', '101_1'] }] });
    expect(existsSync(join(site(), 'intents/1'))).toBe(false);
    expect(await host.submit([planned(1, 2, 'campus-bbbbbbbbbb')], [], nothingElse)).toMatchObject({
      ok: true,
      value: [{ kind: 'fenced' }],
    });
    expect(aliveIn(cluster)).toHaveLength(4);
  });

  it('a sequence whose pass died before its intent is taken over, and cannot be used any more', async () => {
    await using host = await open();
    mkdirSync(join(site(), 'intents/1'));
    const look = await lookAt(host);
    expect(look.census).toMatchObject({ nextSequence: 2, abandoned: [1] });
    expect(await host.submit([planned(2)], [1], nothingElse)).toMatchObject({
      ok: true,
      value: [{ kind: 'answered' }],
    });
    expect(readdirSync(join(site(), 'intents'))).toEqual(['2']);
    expect(aliveIn(cluster)).toHaveLength(2);
  });

  it('a sequence that got its intent after this pass looked is a fence', async () => {
    await using host = await open();
    mkdirSync(join(site(), 'intents/1'));
    await lookAt(host);
    writeFileSync(join(site(), 'intents/1/intent'), '\nintent 1 campus-zzzzzzzzzz 2 keep 1 .\n');
    expect(await host.submit([planned(2)], [1], nothingElse)).toMatchObject({ ok: true, value: [{ kind: 'fenced' }] });
    expect(readdirSync(join(site(), 'intents'))).toEqual(['1']);
    expect(aliveIn(cluster)).toEqual([]);
  });

  it('whoever takes an old sequence again sees the higher one, however late', async () => {
    await using host = await open();
    await host.submit([planned(2)], [], nothingElse);
    // It passed every check that comes before its mkdir long ago.
    expect(await host.submit([planned(1, 2, 'campus-bbbbbbbbbb')], [], nothingElse)).toMatchObject({
      ok: true,
      value: [{ kind: 'fenced' }],
    });
    expect(readdirSync(join(site(), 'intents'))).toEqual(['2']);
    expect(aliveIn(cluster)).toHaveLength(2);
  });

  it('what a half cleared sequence left does not block the site', async () => {
    await using host = await open();
    mkdirSync(join(site(), 'intents/1'));
    writeFileSync(join(site(), 'intents/1/stdout'), '');
    expect(await host.submit([planned(2)], [1], nothingElse)).toMatchObject({
      ok: true,
      value: [{ kind: 'answered' }],
    });
    expect(readdirSync(join(site(), 'intents'))).toEqual(['2']);
  });

  it('a submitting shell that ends before the answer leaves the submission in doubt', async () => {
    await using host = await open();
    const answers = await host.submit([{ ...planned(1), command: `sh -c 'exit 137'` }], [], nothingElse);
    if (!answers.ok || answers.value[0]?.kind !== 'answered') throw new Error('no answer');
    expect(slurm.parseSubmit(answers.value[0].output).kind).toBe('inDoubt');
    expect((await lookAt(host)).census.inDoubt).toHaveLength(1);
  });

  it('a pass that lost its sequence before it wrote its intent submits nothing', async () => {
    await using host = await open();
    // It is slow between fence and intent: its own directory is gone by then.
    const bin = join(cluster.home, 'bin');
    mkdirSync(bin);
    writeFileSync(
      join(bin, 'sha256sum'),
      `#!/bin/sh\nrmdir "${site()}/intents/1" 2>/dev/null\nexec /usr/bin/sha256sum "$@"\n`,
      { mode: 0o755 },
    );
    await using slow = await open({}, { PATH: `${bin}:${cluster.environment['PATH']}` });
    expect(await slow.submit([planned(1)], [], nothingElse)).toMatchObject({ ok: true, value: [{ kind: 'fenced' }] });
    expect(aliveIn(cluster)).toEqual([]);
    expect((await lookAt(host)).census.inDoubt).toEqual([]);
  });

  it('submits nothing when the intent cannot be written', async () => {
    await using host = await open();
    writeFileSync(join(site(), 'jobs.blocked'), '');
    // A full disk, as far as the program can tell: the script cannot be written.
    mkdirSync(join(site(), 'jobs/campus-aaaaaaaa01.sh'));
    expect(await host.submit([planned(1)], [], nothingElse)).toMatchObject({
      ok: true,
      value: [{ kind: 'unwritable' }],
    });
    expect(aliveIn(cluster)).toEqual([]);
    expect(readdirSync(join(site(), 'intents'))).toEqual([]);
  });

  it('stops after a submission that was refused', async () => {
    await using host = await open();
    cluster.faults.set({ refuse: 'permanent' }, 1);
    const answers = await host.submit([planned(1), planned(2)], [], nothingElse);
    expect(answers.ok && answers.value).toHaveLength(1);
    expect(aliveIn(cluster)).toEqual([]);
    expect((await lookAt(host)).census.inDoubt).toEqual([]);
  });

  it('knows after a lost answer what the listing shows', async () => {
    await using host = await open();
    cluster.faults.set({ acceptThenTimeOut: true }, 1);
    await host.submit([planned(1)], [], nothingElse);
    const look = await lookAt(host);
    expect(look.census.inDoubt).toEqual([]);
    expect(look.census.pilots).toHaveLength(2);
    cluster.faults.set({ dropThenTimeOut: true }, 1);
    await host.submit([planned(2)], [], nothingElse);
    expect((await lookAt(host)).census.inDoubt).toMatchObject([{ sequence: 2, count: 2 }]);
  });

  it('a connection that is lost in mid-submission does not stop it', async () => {
    const transport = shellTransport({ shell: '/bin/sh', env: { ...cluster.environment } });
    const interrupt = new AbortController();
    const host = await openLoginHost(transport, slurm, settings, quietContext(interrupt.signal));
    if (!host.ok) throw new Error('no host');
    const slow = { ...planned(1), command: `sh -c 'sleep 1; exec "$@"' - ${planned(1).command}` };
    const submitting = host.value.submit([slow], [], nothingElse);
    await until(() => existsSync(join(site(), 'intents/1/intent')));
    interrupt.abort();
    expect(await submitting).toMatchObject({ ok: false, failure: { kind: 'interrupted' } });
    await until(() => existsSync(join(site(), 'intents/1/outcome')));
    expect(aliveIn(cluster)).toEqual(['101_0', '101_1']);
  });
});

describe('a prologue', () => {
  it.each(['set -f', 'set -e', 'set -u', 'set -C', 'IFS=:', "alias cut='cut -z'"])(
    'that says %s changes nothing of ours',
    async (line) => {
      await using host = await open({ prologue: [line, 'export SQUEUE_STATES=R'] });
      await host.submit([planned(1)], [], nothingElse);
      cluster.faults.set({ refuse: 'permanent' }, 1);
      const refused = await host.submit([planned(2)], [], nothingElse);
      expect(refused).toMatchObject({ ok: true, value: [{ kind: 'answered', output: { code: 1 } }] });
      const look = await lookAt(host);
      expect(look.census).toMatchObject({ nextSequence: 3, inDoubt: [] });
      expect(look.census.pilots.map((pilot) => pilot.state)).toEqual(['pending', 'pending']);
      expect(await host.submit([planned(2)], [], nothingElse)).toMatchObject({ ok: true, value: [{ kind: 'fenced' }] });
    },
  );
});

describe('a listing', () => {
  it.each<Partial<FaultSet>>([
    { listFails: true },
    { listErrorWithExit0: true },
    { listCut: true },
    { hang: 'list' },
    { down: true },
  ])('with the fault %j is no listing', async (fault) => {
    await using host = await open();
    await host.submit([planned(1)], [], nothingElse);
    cluster.faults.set(fault);
    expect(await host.look()).toMatchObject({ ok: false, failure: { kind: 'listing-incomplete' } });
    expect(cluster.faults.fired()).toBeGreaterThan(0);
  });

  it('that lost half of its lines loses no pilot: the scheduler is asked for the others', async () => {
    await using host = await open();
    await host.submit([planned(1, 4)], [], nothingElse);
    cluster.faults.set({ listHalf: true });
    const look = await lookAt(host);
    expect(look.census.pilots.map((pilot) => pilot.state)).toEqual(['pending', 'pending', 'unknown', 'unknown']);
    expect(look.census.notes).toEqual([]);
  });

  it('that lost half of its lines is found out by a second one, where the scheduler does not answer', async () => {
    await using host = await open();
    await host.submit([planned(1, 4)], [], nothingElse);
    cluster.faults.set({ listHalf: true, askFails: true });
    const look = await lookAt(host);
    expect(look.census.pilots).toHaveLength(4);
    const longAgo = look.nowSeconds - 3600;
    const missed = look.census.notes.flatMap((note) => (note.kind === 'missed' ? [{ ...note, at: longAgo }] : []));
    expect(missed).toHaveLength(2);
    await host.record({ notes: missed, forget: [] });
    // Missed for the second time: now another form is asked for, and disagrees.
    expect(await host.look()).toMatchObject({ ok: false, failure: { kind: 'listing-incomplete' } });
  });

  it('does not count a pilot of which the scheduler says that it is gone', async () => {
    await using host = await open();
    await host.submit([planned(1, 2)], [], nothingElse);
    const [, second] = cluster.system.alive();
    if (second === undefined) throw new Error('there is no second job');
    cluster.system.cancel(second);
    const look = await lookAt(host);
    expect(look.census.pilots.map((pilot) => pilot.id)).toEqual(['101_0']);
    expect(look.census.notes).toMatchObject([{ kind: 'closed' }]);
  });

  it("cannot be changed by the user's environment", async () => {
    await using host = await open({ prologue: ['export SQUEUE_STATES=R SBATCH_ARRAY_INX=0-6'] });
    await host.submit([planned(1)], [], nothingElse);
    expect((await lookAt(host)).census.pilots).toHaveLength(2);
    expect(aliveIn(cluster)).toHaveLength(2);
  });
});

describe('a client that goes', () => {
  const shells = ['dash', 'bash', 'busybox', 'mksh', 'ksh']
    .map((name) => ['/bin', '/usr/bin'].map((place) => join(place, name)).find((file) => existsSync(file)))
    .filter((file) => file !== undefined);

  it.each(shells)('leaves no listing that hangs, nor what that started, under %s as sh', async (sh) => {
    const bin = join(cluster.home, 'bin');
    mkdirSync(bin);
    symlinkSync(sh, join(bin, 'sh'));
    const endless = `297.${process.pid}`;
    writeFileSync(join(bin, 'squeue'), `#!/bin/sh\nsleep ${endless}\n`, { mode: 0o755 });
    const env = { ...cluster.environment, PATH: `${bin}:${cluster.environment['PATH']}` };
    const interrupt = new AbortController();
    const opening = openLoginHost(
      shellTransport({ shell: '/bin/sh', env }),
      slurm,
      { ...settings, timeouts: { ...settings.timeouts, listSeconds: 30 }, beginsWith: 'lock and look' },
      quietContext(interrupt.signal),
    );
    await waitUntil('it hangs', 10, () => processesWith(endless).length > 0);
    interrupt.abort();
    await opening;
    await waitUntil('nothing of it is there', 3, () => processesWith(endless).length === 0);
    await using next = await open({ beginsWith: 'lock and look' });
    expect(await next.lock()).toEqual({ ok: true, value: undefined });
  });

  it.each(shells)('is answered as ever by %s as sh before it goes', async (sh) => {
    const bin = join(cluster.home, 'bin');
    mkdirSync(bin);
    symlinkSync(sh, join(bin, 'sh'));
    const PATH = `${bin}:${cluster.environment['PATH']}`;
    await using host = await open({ beginsWith: 'lock and look' }, { PATH });
    expect(await host.submit([planned(1)], [], nothingElse)).toMatchObject({ ok: true, value: [{ kind: 'answered' }] });
    expect((await lookAt(host)).census.pilots).toHaveLength(2);
  });
});

describe('the lock', () => {
  const noFlock = () => {
    const bin = join(cluster.home, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'flock'), '#!/bin/sh\nexit 69\n');
    chmodSync(join(bin, 'flock'), 0o755);
    return { PATH: `${bin}:${cluster.environment['PATH']}` };
  };

  it.each(['flock', 'a directory'])('by %s keeps others out and is let go at the end', async (kind) => {
    const env = kind === 'flock' ? {} : noFlock();
    const first = await open({}, env);
    expect(await first.lock()).toEqual({ ok: true, value: undefined });
    let second: LoginHost | null = await open({}, env);
    let taken = false;
    const waiting = second.lock().then((result) => {
      taken = result.ok;
    });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(taken).toBe(false);
    await first[Symbol.asyncDispose]();
    await waiting;
    expect(taken).toBe(true);
    await second[Symbol.asyncDispose]();
    second = null;
  });

  it('by a directory that is let go in the last moment is taken, not leaked', async () => {
    const env = noFlock();
    await using host = await open({}, env);
    mkdirSync(join(site(), 'lock.d'));
    // It goes away during the one second that the first try waits.
    writeFileSync(join(cluster.home, 'bin/sleep'), `#!/bin/sh\nrmdir "${site()}/lock.d"\n`, { mode: 0o755 });
    const began = Date.now();
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
    expect(Date.now() - began).toBeLessThan(5000);
    expect(readFileSync(join(site(), 'lock.d/owner'), 'utf8')).toMatch(/^\d+ .* \(process \d+\)$/m);
  });

  it('by a directory without a name in it is taken over after a while', async () => {
    const env = noFlock();
    // Its seconds pass at once.
    writeFileSync(join(cluster.home, 'bin/sleep'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    await using host = await open({}, env);
    mkdirSync(join(site(), 'lock.d'));
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
  });

  it('by a directory is taken over after fifteen minutes', async () => {
    const env = noFlock();
    await using host = await open({}, env);
    mkdirSync(join(site(), 'lock.d'));
    writeFileSync(join(site(), 'lock.d/owner'), `${Math.floor(Date.now() / 1000) - 901} ada on a laptop\n`);
    expect(await host.lock()).toEqual({ ok: true, value: undefined });
  });
});

describe('CVMFS distributions', () => {
  const digest = 'a'.repeat(64);

  it('that are there are told by their names', async () => {
    mkdirSync(join(site(), 'cvmfs'), { recursive: true });
    for (const name of [`${digest}.tar`, digest]) writeFileSync(join(site(), 'cvmfs', name), '');
    await using host = await open({ distributionPath: '~/its own' });
    const { shipped, isAtItsPath } = (await lookAt(host)).distributions;
    expect([...shipped].filter((name) => name.startsWith(digest)).sort()).toEqual([digest, `${digest}.tar`]);
    expect(isAtItsPath).toBe(false);
    mkdirSync(join(cluster.home, 'its own'));
    expect((await lookAt(host)).distributions.isAtItsPath).toBe(true);
  });

  it('are not asked about where none is wanted', async () => {
    mkdirSync(join(site(), 'cvmfs'), { recursive: true });
    writeFileSync(join(site(), 'cvmfs', digest), '');
    await using host = await open();
    expect((await lookAt(host)).distributions).toEqual({ shipped: new Set(['']), isAtItsPath: false });
  });
});

describe('the token', () => {
  const token = 'aaaa.bbbb.cccc';
  const place = { site: 'campus', jobsDirectory: '~/.glidein/campus' };

  it('arrives as a 0600 file and in no argument', async () => {
    expect(receiveToken('~/x')).not.toContain(token);
    await using host = await open();
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    expect(await sendToken(transport, token, place, quietContext())).toEqual({ ok: true, value: undefined });
    expect(readFileSync(join(site(), 'token'), 'utf8')).toBe(`${token}\n`);
    expect(statSync(join(site(), 'token')).mode & 0o777).toBe(0o600);
    expect((await lookAt(host)).tokenDigest).toBe(deliveredDigest(token));
  });

  it('is not eaten by a start-up file that reads stdin', async () => {
    writeFileSync(join(cluster.home, '.bashrc'), 'read -r line; echo "got $line"\n');
    const transport = shellTransport({
      shell: '/bin/bash',
      env: { ...cluster.environment, SSH_CLIENT: '127.0.0.1 1 2', SHLVL: '0' },
    });
    expect(await sendToken(transport, token, place, quietContext())).toEqual({ ok: true, value: undefined });
    expect(readFileSync(join(site(), 'token'), 'utf8')).toBe(`${token}\n`);
  });

  it('that is cut on the way changes nothing', async () => {
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    await sendToken(transport, token, place, quietContext());
    const cuts = [
      '',
      'glidein-token-begin',
      `glidein-token-begin ${deliveredDigest('other')}\n`,
      `glidein-token-begin ${deliveredDigest('other')}\noth`,
    ];
    for (const sent of cuts) {
      const process = await transport.spawn(receiveToken('~/.glidein/campus'), {
        signal: new AbortController().signal,
      });
      process.stdin.end(sent);
      expect(await process.exited).not.toEqual({ kind: 'exited', code: 0 });
      expect(readFileSync(join(site(), 'token'), 'utf8')).toBe(`${token}\n`);
    }
    expect(readdirSync(site()).filter((name) => name.startsWith('token'))).toEqual(['token']);
  });

  it('that cannot be written is a failure with the reason', async () => {
    writeFileSync(join(cluster.home, 'file'), '');
    const transport = shellTransport({ shell: '/bin/sh', env: cluster.environment });
    const elsewhere = { ...place, jobsDirectory: '~/file' };
    expect(await sendToken(transport, token, elsewhere, quietContext())).toMatchObject({
      ok: false,
      failure: { kind: 'login-host-unusable' },
    });
  });
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('it did not happen');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
