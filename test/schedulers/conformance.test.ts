import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkProfile } from '../../src/config/schema.ts';
import { renderedJob } from '../../src/fleet/site-job.ts';
import { schedulers } from '../../src/schedulers/index.ts';
import type { Scheduler } from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { exampleWith } from '../support/example-profile.ts';
import { parseRecording, type Recorded, recordedSystems, recordings } from '../support/recordings.ts';
import { quietContext } from '../support/shell-transport.ts';
import { conformanceCases, type Role, type Subject } from './conformance.ts';
import { kinds, readings, recordedSubjects } from './recorded-subjects.ts';

const subjects = recordedSubjects();

describe.each(subjects)('$name', (subject) => {
  for (const { name, check } of conformanceCases(subject)) it(name, check);
});

describe.each(kinds())('%s', (kind) => {
  const scheduler: Scheduler = schedulers[kind];
  const anyJob = fc.record({
    queue: fc.constantFrom(null, 'long', 'a-b.c'),
    account: fc.constantFrom(null, 'phy'),
    project: fc.constantFrom(null, 'p1'),
    qos: fc.constantFrom(null, 'high'),
    reservation: fc.constantFrom(null, 'r1'),
    cores: fc.constantFrom(null, 1, 64),
    memoryMB: fc.constantFrom(null, 1000),
    walltimeSeconds: fc.integer({ min: 60, max: 2_000_000 }),
    gpus: fc.constantFrom(0, 4),
    resourceStyle: fc.constantFrom('select' as const, 'legacy' as const),
  });

  it('asks in lines of which each is one, and names nothing twice', () => {
    fc.assert(
      fc.property(anyJob, (more) => {
        const lines = scheduler.directives({ ...wholeNodeJob, ...more });
        expect(lines.length).toBeGreaterThan(1);
        for (const line of lines) expect(line).toMatch(/^-[ -~]+$/);
        expect(new Set(lines).size).toBe(lines.length);
      }),
      { numRuns: 100 },
    );
  });

  it('puts every directive into its template, before the first command', async () => {
    const checked = checkProfile(
      exampleWith({ 'scheduler.kind': kind, 'scheduler.cores': 8, 'scheduler.queue': 'long' }),
      { site: 'campus', file: null },
    );
    if (!checked.ok) throw new Error(JSON.stringify(checked.failure));
    const rendered = await renderedJob(
      checked.value,
      { configDir: '/nonexistent', dataDir: '/nonexistent', anyOwner: false },
      quietContext(),
    );
    if (!rendered.ok) throw new Error(JSON.stringify(rendered.failure));
    const script = rendered.value.script('campus-abcdefghij');
    if (!script.ok) throw new Error(JSON.stringify(script.failure));
    const lines = script.value.split('\n');
    const end = lines.findIndex((line) => line !== '' && !line.startsWith('#'));
    const directives = lines.slice(0, end).filter((line) => /^#[^\s!]+ -/.test(line));
    expect(directives.map((line) => line.replace(/^#\S+ /, ''))).toEqual(scheduler.directives(rendered.value.batchJob));
  });

  it('unsets what was seen to change what its clients do', () => {
    const systems = recordedSystems().filter((name) => readings[kind].folder.test(name));
    const setBefore =
      /(?<![\w/.-])([A-Z][A-Z0-9_]+)=\S* +(?:\S+=\S* +)*(?:sbatch|squeue|scancel|qsub|qstat|qdel|bsub|bjobs|bkill)\b/g;
    const typed = systems.flatMap((name) => recordings(name)).filter(({ command }) => !/^(?:sh -c|env )/.test(command));
    const names = new Set(
      typed.flatMap(({ command }) => [...command.matchAll(setBefore)].map(([, name = '']) => name)),
    );
    // A language; and where the system is configured, without which clients do not work at some sites.
    for (const name of ['LC_ALL', 'SLURM_CONF', 'LSF_ENVDIR']) names.delete(name);
    for (const name of names) {
      const isUnset = scheduler.defaultsPrefixes.some((prefix) => name.startsWith(prefix));
      expect(isUnset, name).toBe(true);
    }
    expect(scheduler.defaultsPrefixes.length).toBeGreaterThan(0);
  });
});

describe('the suite', () => {
  const recorded = kinds().filter((kind) => subjects.some(({ name }) => readings[kind].folder.test(name)));

  it('has recordings of every scheduler but those that nobody could record', () => {
    expect(kinds().filter((kind) => !recorded.includes(kind))).toEqual(['torque']);
  });

  it.each(recorded)('has something to judge of %s in every part', (kind) => {
    const roles = subjects
      .filter(({ name }) => readings[kind].folder.test(name))
      .flatMap(({ runs }) => runs.map(({ role }) => role));
    for (const role of ['submit', 'list', 'cancel', 'discover'] satisfies Role[]) expect(roles, role).toContain(role);
  });

  /** Dialects that are broken on purpose. Each must be found out wherever its part was recorded. */
  const mutants: readonly [what: string, role: Role, broken: Partial<Scheduler>][] = [
    ['finds no job in any listing', 'list', { parseList: () => ({ kind: 'complete', jobs: [] }) }],
    ['takes every submission for accepted', 'submit', { parseSubmit: () => ({ kind: 'accepted', id: '1' }) }],
    ['doubts every submission', 'submit', { parseSubmit: () => ({ kind: 'inDoubt', text: 'who knows' }) }],
    ['knows no queue', 'discover', { parseDiscovery: () => ({ kind: 'unknown', reason: 'who knows' }) }],
    [
      'knows queues without an answer',
      'discover',
      {
        parseDiscovery: () => ({
          kind: 'known',
          queues: [],
          limits: { maxArraySize: null, maxSubmitJobs: null, maxJobsOfCluster: null, accounts: null },
        }),
      },
    ],
    ['is never refused a cancel', 'cancel', { parseCancel: () => ({ kind: 'done' }) }],
    ['forgets which submission a pilot is of', 'list', { submissionIdOf: () => '0' }],
  ];

  it.each(mutants)('finds out a dialect that %s', (_what, role, broken) => {
    const concerned = subjects.filter((subject) => canShow(subject, role));
    expect(concerned.length).toBeGreaterThan(0);
    for (const subject of concerned) {
      const cases = conformanceCases({ ...subject, scheduler: { ...subject.scheduler, ...broken } });
      expect(cases.filter(fails).length, subject.name).toBeGreaterThan(0);
    }
  });

  it('finds out one that loses a line of every listing, and one that reads on after a time limit', () => {
    for (const subject of subjects.filter((one) => canShow(one, 'list'))) {
      const { parseList } = subject.scheduler;
      const losing: Scheduler['parseList'] = (output, query) => {
        const list = parseList(output, query);
        return list.kind === 'complete' ? { ...list, jobs: list.jobs.slice(1) } : list;
      };
      const patient: Scheduler['parseList'] = (output, query) => parseList({ ...output, code: 0 }, query);
      for (const broken of [losing, patient]) {
        const cases = conformanceCases({ ...subject, scheduler: { ...subject.scheduler, parseList: broken } });
        expect(cases.filter(fails).length, subject.name).toBeGreaterThan(0);
      }
    }
  });
});

function canShow({ runs, traits }: Subject, role: Role): boolean {
  const ofRole = runs.filter((run) => run.role === role);
  if (role === 'list') return ofRole.some(({ code, stdout }) => code === 0 && traits.jobsShown(stdout) > 0);
  return role === 'cancel' ? ofRole.some(({ code }) => code !== 0) : ofRole.length > 0;
}

function fails({ check }: { check(): void }): boolean {
  try {
    check();
    return false;
  } catch {
    return true;
  }
}

describe('a recording', () => {
  it.each(recordedSystems())('of %s was made by a recorder, of that version', (system) => {
    const all = recordings(system);
    expect(all.length).toBeGreaterThan(20);
    const text = all.map(({ stdout, stderr }) => `${stdout}\n${stderr}`).join('\n');
    const [, version = ''] = /^[a-z]+-(\d+(?:\.\d+)+)/.exec(system) ?? [];
    const relatives = recordedSystems().filter((other) => system.startsWith(other));
    const versions = relatives.flatMap((one) => recordings(one)).map(({ stdout, stderr }) => stdout + stderr);
    expect(versions.filter((one) => one.includes(version)).length).toBeGreaterThan(0);
    expect(text).not.toMatch(/stand-in|glidein demo/);
    for (const file of new Set(all.map((one) => one.file))) {
      expect(keepsTime(all.filter((one) => one.file === file)), file).toBe(true);
    }
  });

  const block = [
    '='.repeat(78),
    '## at 2026-11-20 12:00:19 UTC  user=ada',
    '$ squeue',
    '--- stdout (3 bytes)',
    'ab',
    '--- stderr (1 bytes)',
    'c',
    '--- exit status: 0   elapsed: 0.010s',
    '',
  ];
  const read = (lines: readonly string[]) => parseRecording('x.txt', Buffer.from(lines.join('\n')));

  it('is read as it was written', () => {
    expect(read(block)).toMatchObject([
      { command: 'squeue', stdout: 'ab\n', stderr: 'c', code: 0, elapsedSeconds: 0.01 },
    ]);
  });

  it.each([
    ['without its rule', 0, '===='],
    ['without a time', 1, '## user=ada'],
    ['without sizes', 3, '--- stdout'],
    ['with a word more than its size', 4, 'abcd'],
    ['with a word less than its size', 4, 'a'],
    ['without an exit status', 7, '--- exit status: 0'],
  ])('%s is refused', (_what, line, text) => {
    expect(() => read(block.with(line, text))).toThrow('x.txt');
  });
});

/**
 * A recorder notes the time before each command, or after each: a command's seconds then stand between it and its
 * neighbour. Who types blocks does not keep to either through a whole file.
 */
function keepsTime(all: readonly Recorded[]): boolean {
  const pairs = all.slice(1).map((later, place) => [all[place], later] as const);
  const fits = (seconds: (earlier: Recorded, later: Recorded) => number) =>
    pairs.every(
      ([earlier, later]) =>
        earlier !== undefined && later.atSeconds + 1.01 >= earlier.atSeconds + seconds(earlier, later),
    );
  return fits((earlier) => earlier.elapsedSeconds) || fits((_earlier, later) => later.elapsedSeconds);
}
