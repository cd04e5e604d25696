import { describe, expect, it } from 'vitest';
import { lsf } from '../../src/schedulers/lsf.ts';
import type { BatchJob, Listing, ListQuery, Output } from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob as job } from '../support/batch-job.ts';
import { recordings } from '../support/recordings.ts';

const query: ListQuery = { site: 'campus', jobName: 'g-campus', secondLook: false };
const output = (stdout: string, stderr = '', code = 0): Output => ({ stdout, stderr, code });

const all = recordings('openlava-4.0.0').map((one) => ({
  ...one,
  command: one.command.replace(/^cd \S+ 2>\/dev\/null; /, ''),
}));
const by = (pattern: RegExp) => all.filter((one) => pattern.test(one.command));
/** One client alone, so that its status is the recorded one. */
const alone = (pattern: RegExp) => by(pattern).filter((one) => !/[;|&$`]/.test(one.command));
const listings = by(/^sh -c 'ask\(\) .*bjobs -a -J g-campus.*submit_time.*job_description/).filter(
  (one) => !one.command.includes('exit_code'),
);
const finishedAnswers = by(/^sh -c 'ask\(\) .*exit_code/);
const asking = by(/^sh -c 'ask\(\) .*for id; do ask/);
const discoveries = by(/^sh -c 'ask\(\) .*bqueues/);

function complete(listing: Listing) {
  if (listing.kind !== 'complete') throw new Error(listing.reason);
  return listing.jobs;
}

it('was recorded', () => {
  expect(all.length).toBeGreaterThan(200);
  expect(listings.length).toBeGreaterThan(14);
  for (const some of [asking, discoveries]) expect(some.length).toBeGreaterThan(1);
  expect(finishedAnswers.length).toBeGreaterThan(0);
});

it('keeps from the environment what changes an answer, and leaves what names the cluster', () => {
  const isUnset = (name: string) => lsf.defaultsPrefixes.some((prefix) => name.startsWith(prefix));
  for (const name of ['BSUB_QUIET', 'BSUB_CHK_RESREQ', 'LSB_DEFAULTQUEUE', 'LSB_BJOBS_FORMAT', 'LSB_NTRIES'])
    expect([name, isUnset(name)]).toEqual([name, true]);
  for (const name of ['LSF_ENVDIR', 'LSF_BINDIR', 'LSF_SERVERDIR', 'LSF_LIBDIR', 'LSB_CONFDIR', 'LSB_SHAREDIR'])
    expect([name, isUnset(name)]).toEqual([name, false]);
});

describe('directives', () => {
  it('ask for a node of its own, with minutes', () => {
    expect(lsf.directives({ ...job, walltimeSeconds: 3_601 })).toEqual([
      '-J g-campus',
      '-n 1',
      '-x',
      '-R "span[hosts=1]"',
      '-W 61',
    ]);
  });

  it('carry what the profile says, and leave out what the site cannot have', () => {
    const more = { cores: 48, memoryMB: 9_000, queue: 'long', account: 'phy', project: 'w', reservation: 'r#1' };
    expect(lsf.directives({ ...job, ...more, constraint: 'type==any', gpus: 4, extra: ['-sla gold'] })).toEqual([
      '-J g-campus',
      '-n 48',
      '-x',
      '-R "select[type==any] rusage[mem=9000] span[hosts=1]"',
      '-gpu num=4:j_exclusive=yes',
      '-W 720',
      '-q long',
      '-P w',
      '-G phy',
      '-U "r#1"',
      '-sla gold',
    ]);
    const gpus = (some: Partial<BatchJob>) => lsf.directives({ ...job, gpus: 2, ...some }).filter((l) => /gpu/.test(l));
    expect(gpus({ gpuType: 'TeslaV100' })).toEqual(['-gpu num=2:gmodel=TeslaV100:j_exclusive=yes']);
    expect([gpus({ gpuOption: 'none' }), gpus({ skip: ['gpu'] })]).toEqual([[], []]);
    const nodes = { ...job, memoryMB: 1, skip: ['n', 'x', 'R'], extra: ['-nnodes 1'] };
    expect(lsf.directives(nodes)).toEqual(['-J g-campus', '-W 720', '-nnodes 1']);
    expect(lsf.directives({ ...job, memoryMB: 1, skip: ['mem', 'span'] })).not.toContainEqual(
      expect.stringContaining('-R'),
    );
  });
});

it('wants the cores said where one slot would not be the whole node', () => {
  const needs = (skip: string[]) => lsf.needsCores?.({ ...job, skip });
  expect([[], ['x'], ['n', 'x', 'R'], ['n']].map(needs)).toEqual([false, true, false, false]);
});

describe('submitting', () => {
  const place = { logDirWord: '"$HOME"/logs', scriptWord: '"$HOME"/s.sh' };
  const command = (count: number, array = true, more: Partial<BatchJob> = {}) =>
    lsf.submitCommand({ ...job, ...more }, { tag: 'campus-abcdefghij', count, array, ...place });

  it('says count, name, tag and queue on the command line, where nothing beats them', () => {
    expect(command(3, true, { queue: 'long' })).toBe(
      `sh -c 'cd / && exec env "$@"' sh LSB_NTRIES=2 bsub -J 'g-campus[1-3]' -Jd campus-abcdefghij -q long -o "$HOME"/logs/'%J[%I].batch'`,
    );
    expect(command(1)).toContain("'g-campus[1-1]'");
    expect(command(1, false)).toContain('-J g-campus -Jd');
    expect(command(1, false)).toContain('-o "$HOME"/logs/%J.batch');
    expect(command(1, true, { queue: 'long', skip: ['q'] })).not.toContain('long');
    expect(command(1, true, { memoryMB: 8_000 })).toContain('GLIDEIN_MEMORY_MB=8000 bsub');
  });

  it('gives all of it on the command line where the script is named', () => {
    const extra = [`-R "rusage[scr=10]" -Lp 'a b'`];
    const words = command(2, true, { submitBy: 'file', queue: 'long', skip: ['x'], extra }).split("%J[%I].batch' ")[1];
    expect(words).toBe(`-n 1 -R 'span[hosts=1]' -W 720 -R 'rusage[scr=10]' -Lp 'a b' /bin/bash -p "$HOME"/s.sh`);
  });

  it('reads the id on either stream, whatever a site prints about it', () => {
    const line = 'Job <12> is submitted to default queue <normal>.\n';
    const accepted = { kind: 'accepted', id: '12' };
    expect(lsf.parseSubmit(output(`Info: charging abc\n${line}`))).toEqual(accepted);
    expect(lsf.parseSubmit(output('', line))).toEqual(accepted);
    expect(lsf.parseSubmit(output(`Cannot connect to LSF. Please wait ...\n${line}`, '', 255))).toEqual(accepted);
  });

  it('doubts an answer without an id, a time-out, a signal, and a failure that says nothing', () => {
    const doubtful = [output(''), output('', '', 124), output('', 'x', 137), output('', '', 255)];
    for (const one of doubtful) expect(lsf.parseSubmit(one).kind).toBe('inDoubt');
    expect(lsf.parseSubmit(output('Job <12> is submitted to default queue <nor')).kind).toBe('inDoubt');
  });

  const bsub = [...alone(/^bsub /), ...by(/^printf %s .*\bbsub /s)].filter(({ command }) => !/ -[VIK] /.test(command));
  it.each(bsub)('recorded: $file $command ($note) is $code', (one) => {
    const outcome = lsf.parseSubmit(one);
    const id = /^Job <(\d+)> is submitted/.exec(one.stdout)?.[1];
    if (id !== undefined) expect(outcome).toEqual({ kind: 'accepted', id });
    else expect(outcome.kind).toBe(/Job not submitted/.test(one.stderr) ? 'refused' : 'inDoubt');
  });

  it.each([
    ['No such queue', 'permanent'],
    ['Too many processors requested', 'permanent'],
    ['Queue does not accept EXCLUSIVE jobs', 'permanent'],
    ["Cannot exceed queue's hard limit(s)", 'permanent'],
    ['Job array index too large', 'permanent'],
    ['Connection refused by server', 'transient'],
  ])('%s is %s', (words, refusal) => {
    const found = bsub.filter(({ stderr }) => stderr.includes(words));
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(lsf.parseSubmit(one)).toMatchObject({ kind: 'refused', refusal });
  });

  // From LSF's own table of messages; not recorded.
  it.each([
    ['Pending job threshold reached. Retrying in 60 seconds...\nx. Job not submitted.', 'capacity'],
    ["User or one of user's groups does not have enough job slots. Job not submitted.", 'capacity'],
    ['The destination queue has reached its job limit. Job not submitted.', 'capacity'],
    ['lsb_init: Failed in an LSF library call: LIM is down; try later. Job not submitted.', 'transient'],
    ['night: Queue has been closed. Job not submitted.', 'transient'],
    ['Request aborted by esub. Job not submitted.', 'permanent'],
    ['sh: 1: bsub: not found', 'permanent'],
  ])('%s is %s', (stderr, refusal) => {
    expect(lsf.parseSubmit(output('', stderr, 255))).toMatchObject({ kind: 'refused', refusal });
  });

  it.each([
    'Contacting batch daemon: Communication timeout. Job not submitted.',
    'Failed in an LSF library call: Failed in sending/receiving a message: Connection reset by peer. Job not submitted.',
    'Master batch daemon internal error. Job not submitted.',
  ])('doubts %s', (stderr) => {
    expect(lsf.parseSubmit(output('', stderr, 255)).kind).toBe('inDoubt');
  });
});

/** What a listing prints when the client says this. */
const said = (lines: readonly string[], code = 0, now = Date.UTC(2026, 10, 20, 18) / 1000) =>
  output(['asked now', now, 'answered 0', 'asked jobs', ...lines, `answered ${code}`, 'asked all', ''].join('\n'));
const header = 'JOBID^STAT^FIRST_HOST^SUBMIT_TIME^START_TIME^FINISH_TIME^JOB_NAME^JOB_DESCRIPTION';
const row = (stat: string) => `7^${stat}^n1^Nov 20 17:31^Nov 20 17:32^-^g-campus[2]^campus-abcdefghij`;

describe('listing', () => {
  const good = listings.filter(({ stdout }) => !/^answered [1-9]/m.test(stdout));

  it.each(good)('recorded: $file $note', (one) => {
    const jobs = complete(lsf.parseList(one, query));
    const rows = one.stdout.split('\n').filter((line) => /^\d+\^/.test(line));
    expect(jobs.length).toBe(rows.length);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(rows.length);
    for (const [at, text] of rows.entries()) {
      const [id, , host, , , , name = '', tag] = text.split('^');
      const index = name.replace('g-campus', '');
      expect(jobs[at]).toMatchObject({
        id: `${id}${index}`,
        submissionId: id,
        tag,
        index: Number(index.slice(1, -1)) || 1,
      });
      expect(jobs[at]?.node).toBe(host === '-' ? null : host);
    }
  });

  it.each(listings.filter((one) => !good.includes(one)))('recorded failure: $file $note', (one) => {
    const listing = lsf.parseList(one, query);
    expect(listing).toMatchObject({ kind: 'incomplete' });
    if (listing.kind === 'incomplete') expect(one.stdout).toContain(listing.reason.replace(/^.*: /, ''));
  });

  it('cut at any byte is never a shorter list', () => {
    for (const one of good.slice(0, 6)) {
      for (let length = 0; length < one.stdout.length; length += 1) {
        expect(lsf.parseList({ ...one, stdout: one.stdout.slice(0, length) }, query).kind).toBe('incomplete');
      }
    }
  });

  it('that lacks a line is seen to disagree with its other form', () => {
    const second = good.find(({ stdout }) => /^asked wide[\s\S]* RUN /m.test(stdout));
    const [line = ''] = /^\d+\^RUN.*\n/m.exec(second?.stdout ?? '') ?? [];
    expect(line).not.toBe('');
    const short = output((second?.stdout ?? '').replace(line, ''));
    expect(lsf.parseList(short, query)).toMatchObject({ reason: expect.stringContaining('do not show the same') });
  });

  it('of nothing is empty only in LSF’s own words', () => {
    const recorded = all.find(({ command }) => command.includes('g-nobody'));
    expect(complete(lsf.parseList(output(recorded?.stdout ?? ''), { ...query, jobName: 'g-nobody' }))).toEqual([]);
    for (const words of [
      'No unfinished job found',
      'No job found',
      'No matching job found',
      'Job <g-campus> is not found',
    ])
      for (const code of [0, 255]) expect(complete(lsf.parseList(said([words], code), query))).toEqual([]);
    const never = [
      ...[[], [''], ['LSF is down. Please wait ...'], ['Cannot connect to LSF. Please wait ...']],
      ...[['batch system daemon not responding ... still trying'], ['Batch system concurrent query limit exceeded']],
      ...[['sh: 1: bjobs: not found'], ['Job <g-campus> is not found', row('RUN')], ['Invalid field specs jobindex']],
    ];
    for (const lines of never)
      for (const code of [0, 127, 255]) expect(lsf.parseList(said(lines, code), query).kind).toBe('incomplete');
  });

  const empty = alone(/^bjobs(?: |$)/).filter(({ stdout }) => stdout === '');
  it.each(empty)('recorded, as a person typed it: $file $command ($note)', (one) => {
    const text = one.stderr
      .replace(/Job <[^>]*>/, 'Job <g-campus>')
      .split('\n')
      .filter((line) => line !== '');
    const listing = lsf.parseList(said(text, one.code), query);
    const nothing = /^No (?:unfinished )?job found\n$|^Job <[^<>[\]]+> is not found\n$/.test(one.stderr);
    expect(listing.kind).toBe(nothing ? 'complete' : 'incomplete');
  });

  it('looks past what clients print while they wait, and at nothing else', () => {
    const noise = 'Cannot connect to LSF. Please wait ...';
    expect(complete(lsf.parseList(said([noise, header, row('RUN')]), query))).toHaveLength(1);
    const odd = lsf.parseList(said([header, row('RUN'), 'some banner']), query);
    expect(odd).toMatchObject({ reason: 'bjobs printed a line that is not understood: some banner' });
    const warned = 'Warning: maintenance on Monday';
    expect(complete(lsf.parseList(said([warned, header, row('RUN'), warned]), query))).toHaveLength(1);
    expect(complete(lsf.parseList(said([warned, 'No job found'], 255), query))).toHaveLength(0);
    for (const doubtful of ['Warning: not all jobs are shown', 'warning: mbatchd timed out', 'Warnings ahead: limit']) {
      expect(lsf.parseList(said([doubtful, 'No job found'], 255), query).kind).toBe('incomplete');
    }
    expect(lsf.parseList(said([warned], 255), query).kind).toBe('incomplete');
    expect(lsf.parseList(said([header, row('RUN')], 255), query).kind).toBe('incomplete');
    expect(lsf.parseList(said([header, row('DANCING')]), query)).toMatchObject({
      reason: expect.stringContaining('DANCING'),
    });
    expect(lsf.parseList(said([header, row('RUN').replace('g-campus', 'g-camp')]), query).kind).toBe('incomplete');
  });

  it.each([
    ['PEND', 'pending'],
    ['PROV', 'pending'],
    ['WAIT', 'pending'],
    ['PSUSP', 'held'],
    ['RUN', 'running'],
    ['USUSP', 'suspended'],
    ['SSUSP', 'suspended'],
    ['UNKWN', 'unknown'],
    ['ZOMBI', 'unknown'],
    ['DONE', 'finished'],
    ['EXIT', 'finished'],
  ])('%s is %s', (word, state) => {
    const [found] = complete(lsf.parseList(said([header, row(word)]), query));
    expect(found?.state).toBe(state);
    const plain = ['PEND', 'RUN', 'DONE', 'EXIT'].includes(word);
    expect(found?.reason === null ? null : lsf.explain(found?.reason ?? '')).toEqual(plain ? null : expect.any(String));
  });

  it('finds the year that a time leaves out, and takes the one that it has', () => {
    const at = (time: string, now: number) =>
      complete(lsf.parseList(said([header, row('RUN').replace('Nov 20 17:31', time)], 0, now / 1000), query))[0]
        ?.submittedAt;
    expect(at('Dec 31 23:59', Date.UTC(2027, 0, 1, 0, 1))).toBe(Date.UTC(2026, 11, 31, 23, 59) / 1000);
    expect(at('Jan  1 00:10', Date.UTC(2026, 11, 31, 23))).toBe(Date.UTC(2027, 0, 1, 0, 10) / 1000);
    // As IBM's LSF prints them: with the wish for the year, and with a letter.
    expect(at('Feb  2 00:46 2024', Date.UTC(2026, 5, 1))).toBe(Date.UTC(2024, 1, 2, 0, 46) / 1000);
    expect(at('Feb  2 07:48 L', Date.UTC(2026, 1, 2))).toBe(Date.UTC(2026, 1, 2, 7, 48) / 1000);
    expect(at('-', Date.UTC(2026, 5, 1))).toBeNull();
  });
});

describe('asking by id', () => {
  it('recorded: known ones exist, unknown and finished ones are gone, and a failure is no answer', () => {
    const [first, over, down] = asking.map((one) => lsf.parseAsk(one));
    const id = /asked (\d+)\[1\]/.exec(asking[0]?.stdout ?? '')?.[1];
    expect(first?.get(`${id}[1]`)).toBe('exists');
    expect(first?.get(`${id}[6]`)).toBe('exists');
    expect(first?.get(`${id}`)).toBe('exists');
    expect([first?.get(`${id}[9]`), first?.get('999999')]).toEqual(['gone', 'gone']);
    expect([...(over?.values() ?? [])]).toEqual(['gone', 'gone']);
    expect(down?.size).toBe(0);
  });
});

describe('cancelling', () => {
  const cancels = [...alone(/^bkill \d/), ...by(/^env .* bkill [^"]*$/), ...by(/^env .*bmod -b "\$at"/)];
  it.each(cancels)('recorded: $file $command ($note) is $code', (one) => {
    const strange = `${one.stdout}${one.stderr}`
      .split('\n')
      .filter(
        (line) =>
          line !== '' &&
          !/terminated$|already finished$|is running\. Job not|No matching job|scheduled after|being changed/.test(
            line,
          ),
      );
    expect(lsf.parseCancel(one, []).kind).toBe(strange.length === 0 && one.code !== 124 ? 'done' : 'refused');
  });

  it('is never done where nothing was said, or somebody else’s job was meant', () => {
    for (const one of [output('', '', 0), output('', '', 124), output('', 'Job <189>: User permission denied\n', 255)])
      expect(lsf.parseCancel(one, [])).toMatchObject({ kind: 'refused', text: expect.stringMatching(/\w/) });
  });

  it('of what waits holds it first, by a time that LSF gives to no job that runs', () => {
    const command = lsf.cancelCommand(['7[1]', '8'], { onlyPending: true });
    expect(command.indexOf('bmod -b "$at" "$id"')).toBeLessThan(command.indexOf('bkill "$id"'));
    expect(command).toMatch(/ sh '7\[1\]' 8$/);
    expect(lsf.endCommand(['7'])).toBeNull();
  });
});

describe('what has ended', () => {
  it('recorded: each finished pilot, with its node and times', () => {
    const known = finishedAnswers.map((one) => lsf.parseFinished(one, { site: 'campus' }));
    const jobs = known.flatMap((one) => (one.kind === 'known' ? one.jobs : []));
    expect(jobs.length).toBeGreaterThan(5);
    const ran = jobs.filter(({ node }) => node !== null);
    expect(ran[0]).toMatchObject({ state: 'EXIT', tag: expect.stringMatching(/^campus-/), exitCode: null });
    expect(ran.every(({ startedAt, endedAt }) => startedAt !== null && endedAt !== null)).toBe(true);
    const unstarted = jobs.filter(({ node }) => node === null).map(({ state }) => state);
    expect([unstarted.length > 0, new Set(unstarted)]).toEqual([true, new Set(['CANCELLED'])]);
    const { stdout = '' } = finishedAnswers[0] ?? {};
    const broken = [output(stdout.slice(0, -12)), output(stdout, '', 124), said(['Connection refused by server'], 255)];
    for (const one of broken) expect(lsf.parseFinished(one, { site: 'campus' }).kind).toBe('unknown');
  });

  it.each([
    ['DONE', '-', { state: 'COMPLETED', exitCode: 0, signal: null }],
    ['EXIT', '3', { state: 'FAILED', exitCode: 3, signal: null }],
    ['EXIT', '143', { state: 'EXIT', exitCode: null, signal: 15 }],
    ['EXIT', '-', { state: 'EXIT', exitCode: null, signal: null }],
  ])('%s with %s is told as any other system tells it', (word, code, end) => {
    const fields = 'JOBID^STAT^EXIT_CODE^FIRST_HOST^START_TIME^FINISH_TIME^JOB_NAME^JOB_DESCRIPTION';
    const line = `7^${word}^${code}^h1^Nov 20 18:19^Nov 20 18:20^g-campus[2]^campus-abcdefghij`;
    const found = lsf.parseFinished(said([fields, line]), { site: 'campus' });
    expect(found).toMatchObject({ kind: 'known', jobs: [{ id: '7[2]', ...end }] });
  });
});

describe('discovery', () => {
  it('recorded: queues with cores, memory and wall clock', () => {
    const known = lsf.parseDiscovery(discoveries[0] ?? output(''));
    expect(known).toMatchObject({ kind: 'known', limits: { maxArraySize: 1000 } });
    if (known.kind !== 'known') return;
    const facts = known.queues.map(({ name, isDefault, isOpen, nodes, coresPerNode, maxWalltimeSeconds }) =>
      [name, isDefault, isOpen, nodes, coresPerNode, maxWalltimeSeconds].join(' '),
    );
    expect(facts).toEqual(['short false true 1 4 600', 'normal true true 1 4 ', 'noexcl false true 1 4 ']);
    expect(known.queues[0]?.memoryMBPerNode).toBeGreaterThan(1_000);
    expect(lsf.parseDiscovery(discoveries[1] ?? output('')).kind).toBe('unknown');
  });

  it('is unknown when it is cut anywhere', () => {
    const { stdout = '' } = discoveries[0] ?? {};
    for (let length = 0; length < stdout.length; length += 1)
      expect(lsf.parseDiscovery(output(stdout.slice(0, length))).kind).toBe('unknown');
  });

  // In the words of IBM's documentation; not recorded.
  const ibm = (gpus: string) =>
    output(`asked queues

QUEUE: normal
  -- For normal low priority jobs.  This is the default queue.

PARAMETERS/STATISTICS
PRIO NICE STATUS          MAX JL/U JL/P JL/H NJOBS  PEND   RUN SSUSP USUSP  RSV PJOBS
 30    0  Open:Inact        -    -    -    -     0     0     0     0     0    0     0

DEFAULT LIMITS:
 RUNLIMIT
 60.0 min

MAXIMUM LIMITS:
 CPULIMIT                 RUNLIMIT
 20.0 min of hostA        1440.0 min of hostA

USERS: all
HOSTS:  hostA+1 hostB
answered 0
asked system
IBM Spectrum LSF Standard 10.1.0.11
answered 0
asked settings
    MAX_JOB_ARRAY_SIZE = 500
answered 0
asked hosts
HOST_NAME          STATUS          JL/U    MAX  NJOBS    RUN  SSUSP  USUSP    RSV
hostA              ok                 -     40      0      0      0      0      0
hostB              closed_Adm         -     48      0      0      0      0      0
login              ok                 -      0      0      0      0      0      0
answered 0
asked machines
HOST_NAME                       type       model  cpuf ncpus maxmem maxswp server RESOURCES
hostA                         X86_64    Intel_E5  12.5    40  251.5G  4095M    Yes (mg)
hostB                         X86_64    Intel_E5  12.5    48  1.4T  4095M    Yes ()
answered 0
asked gpus
${gpus}asked all
`);

  it('reads the largest limit, closed queues, units and GPUs', () => {
    const rows = `HOST_NAME              ID           MODEL     MUSED      MRSV  NJOBS    RUN   SUSP    RSV
hostB                   0   TeslaV100        0M        0M      0      0      0      0
                        1   TeslaV100        0M        0M      0      0      0      0
answered 0
`;
    const known = lsf.parseDiscovery(ibm(rows));
    expect(known).toMatchObject({
      kind: 'known',
      limits: { maxArraySize: 500 },
      queues: [
        {
          ...{ name: 'normal', isDefault: true, isOpen: false, nodes: 2, coresPerNode: 48, memoryMBPerNode: 1_468_006 },
          ...{ gpusPerNode: 2, gpuType: 'TeslaV100', maxWalltimeSeconds: 86_400 },
        },
      ],
    });
  });

  it('says nothing of a node’s cores where it cannot tell whether it has GPUs', () => {
    const known = lsf.parseDiscovery(ibm('answered 255\n'));
    expect(known).toMatchObject({ queues: [{ coresPerNode: null, gpusPerNode: 0 }] });
  });
});

it('keeps jobs off nodes, whatever else they must be', () => {
  const line = (more: object) =>
    lsf.directives({ ...job, avoid: ['node-7', 'node8'], ...more }).find((one) => one.startsWith('-R'));
  expect(line({})).toBe(`-R "select[hname!='node-7' && hname!='node8'] span[hosts=1]"`);
  expect(line({ constraint: 'a||b' })).toContain(`select[(a||b) && hname!='node-7' && hname!='node8']`);
  expect(line({ skip: ['select'] })).not.toContain('node-7');
  expect(lsf.avoidsNodes?.({ ...job, skip: ['R'] })).toBe(false);
});
