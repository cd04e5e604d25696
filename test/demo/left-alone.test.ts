import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkProfile, type Profile } from '../../src/config/schema.ts';
import type { Context } from '../../src/context.ts';
import type { FaultSet } from '../../src/demo/faults.ts';
import { ok } from '../../src/failure.ts';
import { resume } from '../../src/fleet/resume.ts';
import { renderedJob } from '../../src/fleet/site-job.ts';
import type { SiteReport } from '../../src/fleet/site-report.ts';
import { exitCodeOfReport } from '../../src/fleet/site-report.ts';
import { status } from '../../src/fleet/status.ts';
import { submitMore, topUp } from '../../src/fleet/top-up.ts';
import { type QuickStandIn, quickStandIn } from '../support/quick-stand-in.ts';
import { quietContext, shellTransport } from '../support/shell-transport.ts';
import { aliveIn, startJob } from '../support/stand-in.ts';
import { testToken } from '../support/test-token.ts';

/** A site that is left alone: the real pass on the stand-in, whose pilots die or whose submissions are refused. Time is the test's. */

let quick: QuickStandIn;
let profile: Profile;
beforeEach(async () => {
  quick = await quickStandIn('slurm');
  profile = profileWith({});
  for (const directory of ['ends', 'seen', 'logs']) mkdirSync(join(site(), directory), { recursive: true });
  writeFileSync(join(site(), 'token'), testToken(), { mode: 0o600 });
});
afterEach(() => quick[Symbol.asyncDispose]());

const site = () => join(quick.cluster.home, '.glidein/campus');
const journal = () => readFileSync(join(site(), 'journal'), 'utf8');
const alive = () => aliveIn(quick.cluster);
const faulty = (fault: Partial<FaultSet>, times?: number) => quick.cluster.faults.set(fault, times);

function profileWith(limits: object, more: object = {}): Profile {
  const checked = checkProfile(
    {
      name: 'campus',
      target: 4,
      connection: { host: 'localhost', transport: 'local', loginShell: false, timeouts: { list: 10, submit: 10 } },
      scheduler: { kind: 'slurm', walltime: '12:00:00' },
      pilot: { site: 'Campus', resource: 'Campus-CE', owners: ['ada@ap.example.org'], token: '~/token' },
      limits: { maxPending: 50, maxPerPass: 50, ...limits },
      ...more,
    },
    { site: 'campus', file: null },
  );
  if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
  return checked.value;
}

/** What a pass, a look or a person's order came to, and how many programs it ran on the login host. */
async function told(work: (access: Access, context: Context) => Promise<SiteReport>) {
  const transport = shellTransport({ shell: '/bin/sh', env: quick.cluster.environment });
  const steps: string[] = [];
  const context = {
    ...quietContext(),
    now: () => quick.clock.seconds() * 1000,
    emit: (event: { kind: string; step?: string }) => void steps.push(event.step ?? event.kind),
  };
  const report = await work({ profile, connect: async () => ok(transport) }, context);
  return { ...report, code: exitCodeOfReport(report), steps };
}
type Access = { profile: Profile; connect: () => Promise<{ ok: true; value: ReturnType<typeof shellTransport> }> };

async function options(dryRun: boolean) {
  const job = { token: testToken(), render: (avoid: readonly string[]) => rendered(avoid) };
  return { job: ok(job), dryRun, ...places() };
}

const rendered = (avoid: readonly string[]) =>
  renderedJob(profile, { ...places(), anyOwner: false }, quietContext(), { avoid });
const places = () => ({ configDir: quick.cluster.home, dataDir: join(quick.cluster.home, 'data') });
const pass = (dryRun = false) => told(async (access, context) => topUp(access, await options(dryRun), context));
const bySubmit = (count: number) =>
  told(async (access, context) => submitMore(access, count, await options(false), context));
const look = () => told((access, context) => status(access, { asksAccounting: false }, context));
const goOn = (dryRun = false) => told((access, context) => resume(access, dryRun, context));

/** A pilot starts, and is over after so many seconds, with its own word of it. */
function lives(id: string, seconds: number, { exitCode = 1, reason = 'exited', node = 'node1', said = '' } = {}): void {
  const { system, scheduler } = quick.cluster;
  const job = system.alive().find((one) => scheduler.jobId(one) === id);
  if (job === undefined) throw new Error(`there is no job ${id}`);
  const tag = job.request.comment ?? '';
  const [index, start] = [id.split('_')[1] ?? '0', quick.clock.seconds()];
  startJob(quick.cluster, id);
  quick.clock.ahead(seconds);
  writeFileSync(join(site(), 'seen', `${tag}.${index}`), `seen ${tag} ${index} ${id} ${node} ${start} .\n`);
  const end = `end ${tag} ${index} ${exitCode} ${reason} ${node} ${start} ${quick.clock.seconds()} .\n`;
  writeFileSync(join(site(), 'ends', id), end);
  if (said !== '') writeFileSync(join(site(), 'logs', `${id}.log`), said);
  system.cancel(job);
}

describe('pilots that die as they start', () => {
  const threeDie = async () => {
    await pass();
    const said =
      'first line\nFATAL:   while extracting image: not a SIF file\nglidein: the pilot ended with 255 (exited)\n';
    for (const [at, id] of alive().slice(0, 3).entries()) lives(id, 3, { exitCode: 255, node: `node${at}`, said });
  };

  it('pause the site: nothing more is submitted, and everybody is told why, with the last words and what to type', async () => {
    await threeDie();
    const paused = await pass();
    expect(paused).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(paused.reason).toContain('3 pilots in a row died within 10 minutes of their start');
    expect(paused.reason).toContain('glidein: the pilot ended with 255 (exited)');
    expect(paused.reason).toContain('glidein resume campus');
    expect(alive()).toHaveLength(1);
    const shown = await look();
    expect(shown).toMatchObject({ code: 4, state: 'paused' });
    expect(shown.restraint?.brake).toMatchObject({ kind: 'paused', isNew: false, pause: { cause: 'died' } });
    expect(JSON.stringify(shown.restraint?.brake)).toContain('not a SIF file');
    // It is written down once; after that a pass is as cheap as any that finds nothing to do.
    expect((await pass()).steps).toEqual(['hello', 'lock', 'list']);
    expect(journal().match(/^paused /gm)).toHaveLength(1);
  });

  it('keep the site paused when their marks are cleared away', async () => {
    await threeDie();
    await pass();
    quick.clock.ahead(20 * 24 * 3600);
    for (const name of ['ends', 'seen']) rmAll(join(site(), name));
    expect(await pass()).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
  });

  it('are past when a person resumes; a dry run changes nothing', async () => {
    await threeDie();
    await pass();
    expect(await goOn(true)).toMatchObject({ code: 0, planned: { submit: 0 }, reason: 'would resume' });
    expect(await pass()).toMatchObject({ state: 'paused' });
    expect(await goOn()).toMatchObject({ code: 0, state: 'ok', reason: 'resumed: the next pass submits again' });
    expect(await pass()).toMatchObject({ code: 0, state: 'ok', submitted: 3 });
    expect(await goOn()).toMatchObject({ code: 0, reason: 'nothing held it back' });
    // And three more pause it again.
    for (const [at, id] of alive().slice(-3).entries()) lives(id, 3, { node: `node${at}` });
    expect(await pass()).toMatchObject({ code: 4, state: 'paused' });
  });

  it('do not keep a smaller target from being reached, nor a person from trying one', async () => {
    await threeDie();
    await pass();
    const tried = await bySubmit(2);
    expect(tried).toMatchObject({ submitted: 2, state: 'ok', code: 0 });
    expect(tried.steps).toContain('warning');
    expect(await pass()).toMatchObject({ state: 'paused', submitted: 0 });
    profile = profileWith({}, { target: 0 });
    expect(await pass()).toMatchObject({ cancelled: 1, state: 'ok', code: 0 });
  });

  it('are not submitted by a dry run, which says so', async () => {
    await threeDie();
    expect(await pass(true)).toMatchObject({ code: 4, state: 'paused', planned: { submit: 0 } });
    expect(journal()).not.toContain('paused');
  });
});

it('asks the accounting of those that left no word, once', async () => {
  await pass();
  for (const id of alive().slice(0, 3)) {
    startJob(quick.cluster, id);
    const job = quick.cluster.system.alive().find((one) => quick.cluster.scheduler.jobId(one) === id);
    if (job === undefined) throw new Error(`there is no job ${id}`);
    // Its node breaks under it; the queue has forgotten it when the next pass comes.
    quick.clock.ahead(60);
    quick.cluster.system.loseNode(job.node ?? '');
  }
  quick.clock.ahead(900);
  const paused = await pass();
  expect(paused, paused.reason ?? '').toMatchObject({ state: 'paused', submitted: 0 });
  expect(paused.reason).toContain('NODE_FAIL');
  expect(journal().match(/^ended campus-\S+ - NODE_FAIL node\d+ \d+ \d+ \d+ \.$/gm)).toHaveLength(3);
  await pass();
  expect(journal().match(/^ended /gm)).toHaveLength(3);
});

it('keeps new pilots off a node on which they die while others live, and says so', async () => {
  await pass();
  const [good = '', ...others] = alive();
  startJob(quick.cluster, good);
  quick.clock.ahead(1200);
  for (const id of others) lives(id, 3, { node: 'node7' });
  const found = await pass();
  expect(found).toMatchObject({ code: 0, state: 'ok', submitted: 3 });
  expect(found.reason).toContain('pilots die on node7 and live elsewhere');
  const [newest] = quick.cluster.system.alive().slice(-1);
  expect(newest?.request.script).toContain('#SBATCH --exclude=node7\n');
});

it('pauses at once when a pilot was not limited to its owners', async () => {
  await pass();
  lives(alive()[0] ?? '', 2, { exitCode: 78, reason: 'guard' });
  const paused = await pass();
  expect(paused).toMatchObject({ code: 4, state: 'paused' });
  expect(paused.reason).toContain('not limited to its owners');
});

describe('refusals', () => {
  it('pause the site at once when the account may not, and are asked no more', async () => {
    faulty({ refuse: 'permanent' });
    expect(await pass()).toMatchObject({ code: 1, state: 'short' });
    const paused = await pass();
    expect(paused).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(paused.reason).toContain('Invalid account or account/partition combination');
    for (let more = 0; more < 5; more += 1) await pass();
    expect(quick.submissions()).toBe(1);
    quick.cluster.faults.clear();
    await goOn();
    expect(await pass()).toMatchObject({ code: 0, submitted: 4 });
  });

  it('for now are asked again after longer and longer, and at least every 15 minutes', async () => {
    faulty({ refuse: 'transient' });
    for (let minutes = 0; minutes < 5 * 60; minutes += 5) {
      await pass();
      quick.clock.ahead(300);
    }
    // 0, 5, then every 15 minutes.
    expect(quick.submissions()).toBeLessThanOrEqual(2 + (5 * 60) / 15);
    expect(quick.submissions()).toBeGreaterThan(15);
    expect(await pass()).toMatchObject({ code: 4, state: 'paused' });
    quick.cluster.faults.clear();
    quick.clock.ahead(900);
    expect(await pass()).toMatchObject({ submitted: 1, state: 'ok', code: 0 });
    expect(await pass()).toMatchObject({ submitted: 3, state: 'ok', code: 0 });
  }, 120_000);
});

describe('a budget', () => {
  it('pays for whole wall clocks, and pauses the site when it pays for no more', async () => {
    profile = profileWith({ nodeHours: 40 });
    const first = await pass();
    expect(first).toMatchObject({ code: 0, submitted: 3 });
    expect(first.reason).toContain('the budget pays for no more');
    const second = await pass();
    expect(second).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(second.reason).toContain('glidein site set campus limits.nodeHours=HOURS');
    // What ends early gives back what it did not use.
    const [id = ''] = alive();
    lives(id, 3600, { exitCode: 0, reason: 'drained' });
    expect(await pass()).toMatchObject({ submitted: 1 });
    expect((await look()).restraint?.budget).toMatchObject({ spentSeconds: 3600, committedSeconds: 36 * 3600 });
  });

  it('is not for a person to overdraw, either', async () => {
    profile = profileWith({ nodeHours: 13 });
    expect(await bySubmit(2)).toMatchObject({ code: 4, state: 'paused', submitted: 0 });
    expect(await bySubmit(1)).toMatchObject({ code: 0, submitted: 1 });
  });

  it('remembers what was spent when the marks are cleared away', async () => {
    profile = profileWith({ nodeHours: 100 });
    await pass();
    for (const id of alive()) lives(id, 3600, { exitCode: 0, reason: 'drained' });
    await pass();
    quick.clock.ahead(8 * 24 * 3600);
    for (const id of alive().slice(0, 1)) lives(id, 60, { exitCode: 0, reason: 'drained' });
    await pass();
    expect(journal()).toMatch(/^spent campus-\S+ 14400 \d+ \.$/m);
    expect((await look()).restraint?.budget.spentSeconds).toBe(4 * 3600 + 60);
  });

  it('ends at a time: nothing is submitted that could run past it, and what waits is cancelled', async () => {
    const until = new Date((quick.clock.seconds() + 13 * 3600) * 1000).toISOString().replace(/\.\d+/, '');
    profile = profileWith({ until });
    await pass();
    const [running = ''] = alive();
    startJob(quick.cluster, running);
    quick.clock.ahead(2 * 3600);
    const late = await pass();
    expect(late).toMatchObject({ code: 4, state: 'paused', submitted: 0, cancelled: 3, drained: 0 });
    expect(late.reason).toContain('limits.until');
    expect(alive()).toEqual([running]);
  });
});

function rmAll(directory: string): void {
  rmSync(directory, { recursive: true });
  mkdirSync(directory);
}
