import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pbs } from '../../src/schedulers/pbs.ts';
import type { BatchJob, Listing, ListQuery, Output } from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { type Recorded, recordings } from '../support/recordings.ts';

const job: BatchJob = { ...wholeNodeJob, cores: 4 };
const query: ListQuery = { site: 'campus', jobName: 'g-campus', secondLook: false };
const output = (stdout: string, stderr = '', code = 0): Output => ({ stdout, stderr, code });
const all = recordings('openpbs-23.06.06');
const noted = (words: string) => {
  const [found, ...more] = all.filter((one) => one.note.includes(words));
  if (found === undefined || more.length > 0) throw new Error(`${words}: ${more.length + 1} recordings`);
  return found;
};
const jobsOf = (listing: Listing) => {
  if (listing.kind === 'incomplete') throw new Error(listing.reason);
  return listing.jobs;
};
const states = (one: Output) => jobsOf(pbs.parseList(one, query)).map(({ id, state }) => `${id} ${state}`);
const isListing = ({ command }: Recorded) => /named=\$\(qselect (?:-T )?-u/.test(command);

describe('directives', () => {
  it('ask for a whole node by its cores', () => {
    expect(pbs.directives(job)).toEqual([
      '-N g-campus',
      '-l select=1:ncpus=4',
      '-l place=scatter:exclhost',
      '-l walltime=12:00:00',
      '-S /bin/bash',
      '-j oe',
      '-k oed',
      '-m n',
    ]);
  });

  it('carry what the profile says, and leave out what the site cannot have', () => {
    const given = pbs.directives({
      ...job,
      ...{ walltimeSeconds: 4 * 86_400 + 61, queue: 'long', account: 'phy', project: 'p1', constraint: 'model=rome' },
      ...{ memoryMB: 1_000, gpus: 2, extra: ['-W group_list=g'], skip: ['k', 'm', 'S'] },
    });
    expect(given).toEqual([
      '-N g-campus',
      '-l select=1:ncpus=4:mem=1000mb:ngpus=2:model=rome',
      '-l place=scatter:exclhost',
      '-l walltime=96:01:01',
      '-q long',
      '-A phy',
      '-P p1',
      '-j oe',
      '-W group_list=g',
    ]);
    const lines = (more: Partial<BatchJob>) =>
      pbs.directives({ ...job, ...more }).filter((line) => line.startsWith('-l'));
    expect(lines({ gpus: 2, gpuOption: 'none', skip: ['place', 'walltime'] })).toEqual(['-l select=1:ncpus=4']);
    expect(lines({ skip: ['select'] })).toEqual(['-l walltime=12:00:00']);
    expect(lines({ memoryMB: 5, skip: ['mem'] })[0]).toBe('-l select=1:ncpus=4');
  });

  it('name each resource alone in the older form, which has no place', () => {
    const lines = pbs.directives({ ...job, resourceStyle: 'legacy', memoryMB: 1_000, gpus: 2 });
    expect(lines.slice(1, 5)).toEqual(['-l ncpus=4', '-l mem=1000mb', '-l ngpus=2', '-l walltime=12:00:00']);
  });
});

describe('submitting', () => {
  const command = (count: number, more: Partial<BatchJob> = {}) =>
    pbs.submitCommand(
      { ...job, ...more },
      { tag: 'campus-abcdefghij', count, array: true, logDirWord: '"$HOME"/logs', scriptWord: 'x.sh' },
    );

  it('says count, name, tag and queue on the command line, and leaves no daemon behind', () => {
    expect(command(3, { queue: 'long' })).toBe(
      'qsub -f -N g-campus -v GLIDEIN_TAG=campus-abcdefghij -J 0-2 -q long -o "$HOME"/logs/',
    );
    expect(command(3, { queue: 'long', skip: ['q'], memoryMB: 7 })).toBe(
      'qsub -f -N g-campus -v GLIDEIN_TAG=campus-abcdefghij,GLIDEIN_MEMORY_MB=7 -J 0-2 -o "$HOME"/logs/',
    );
  });

  it('submits one pilot as no array, and only that one as what may not run again', () => {
    expect(command(1)).toBe('qsub -f -N g-campus -v GLIDEIN_TAG=campus-abcdefghij -r n -o "$HOME"/logs/');
    expect(command(1, { skip: ['r'] })).not.toContain('-r');
  });

  it('reads the id wherever a site prints it', () => {
    for (const id of ['12.pbs1', '353205.polaris-pbs-01.hsn.example.org', '7[].pbs_1']) {
      expect(pbs.parseSubmit(output(`Welcome to 12.pbs!\n${id}\n`))).toEqual({ kind: 'accepted', id });
    }
  });

  it('doubts an answer without an id, a time-out, a signal, a failure that names an id or broke off', () => {
    const broken = 'qsub: Premature end of message';
    for (const one of [
      output(''),
      output('', '', 124),
      output('', 'Terminated', 143),
      output('7.pbs1\n', 'x', 1),
      output('', '', 1),
      output('', broken, 183),
      output('', 'qsub: System error: ', 162),
    ]) {
      expect(pbs.parseSubmit(one).kind).toBe('inDoubt');
    }
  });

  const submissions = all.filter(({ command }) => /^printf %s .*\| qsub -f -N g-campus -v GLIDEIN_TAG/s.test(command));
  it('was recorded', () => expect(submissions.length).toBeGreaterThan(8));

  it.each(submissions.map((one) => [one.note || 'accepted', one] as const))('recorded: %s', (_, one) => {
    const outcome = pbs.parseSubmit(one);
    if (one.code === 0) expect(outcome).toEqual({ kind: 'accepted', id: one.stdout.trim() });
    else expect(outcome).toMatchObject({ kind: 'refused', text: one.stderr.trim() });
  });

  it.each([
    ['over the limit of queued jobs of a user', 'capacity'],
    ['larger than an array may be', 'capacity'],
    ['larger than an array of this queue may be', 'capacity'],
    ['more than this user may have in the queue', 'capacity'],
    ['this user has as many as the queue allows', 'capacity'],
    ['more than this user may have in all queues', 'capacity'],
    ['this user has as many as all queues allow', 'capacity'],
    ['no such queue', 'permanent'],
    ['a queue that is closed', 'transient'],
    ['an array of one', 'permanent'],
    ['an array that may not be run again', 'permanent'],
    ['longer than the queue allows', 'permanent'],
    ['walltime over queue max', 'permanent'],
    ['root submits', 'permanent'],
    ['unknown resource in select', 'permanent'],
    ['queue disabled', 'transient'],
  ])('%s is %s', (words, refusal) => {
    expect(pbs.parseSubmit(noted(words))).toMatchObject({ kind: 'refused', refusal });
  });

  it('knows that a server that is down took nothing', () => {
    const [found] = submissions.filter((one) => one.note === 'the server is down');
    expect(pbs.parseSubmit(found ?? output(''))).toMatchObject({ kind: 'refused', refusal: 'transient' });
  });
});

describe('listing', () => {
  it('asks for one user and name, and describes only what was named', () => {
    const command = pbs.listCommand(query);
    expect(command).toContain('qselect -u "$(id -un)" -N g-campus');
    expect(command).toContain('[ $# -eq 0 ] || ask show env TZ=UTC0 qstat -f -t "$@"');
    expect(command).not.toContain('json');
  });

  const listings = all.filter(isListing);
  it('was recorded', () => expect(listings.length).toBeGreaterThan(15));

  it.each(listings.map((one) => [one.note, one] as const))('recorded: %s', (note, one) => {
    const listing = pbs.parseList(one, query);
    expect(listing.kind).toBe(note.startsWith('the server is down') ? 'incomplete' : 'complete');
  });

  it('counts each element of an array on its own, and the array not at all', () => {
    const found = jobsOf(pbs.parseList(noted('four run, three wait, first look'), query));
    const array = found[0]?.submissionId ?? '';
    expect(found.map((one) => one.index)).toEqual([0, 1, 2, 3, 4, 5, null]);
    expect(found.map((one) => one.state)).toEqual([...Array(4).fill('running'), ...Array(3).fill('pending')]);
    expect(found[4]).toMatchObject({
      id: array.replace('[]', '[4]'),
      tag: 'campus-aaaaaaaaa6',
      node: null,
      startedAt: null,
    });
    expect(found[6]).toMatchObject({
      tag: 'campus-aaaaaaaaa1',
      reason: 'Not Running: Not enough free nodes available',
    });
    const [first] = found;
    expect(first?.node).toMatch(/^n\d$/);
    expect((first?.endsAt ?? 0) - (first?.startedAt ?? 0)).toBe(3_600);
    expect(Math.abs((first?.submittedAt ?? 0) - noted('four run, three wait, first look').atSeconds)).toBeLessThan(30);
  });

  it('shows the same jobs in either form', () => {
    for (const one of listings.filter(({ note }) => note.endsWith('first look'))) {
      const other = listings.find(({ note }) => note === one.note.replace('first', 'second'));
      if (one.note.startsWith('the server is down') || other === undefined) continue;
      const ids = (listing: Output) => jobsOf(pbs.parseList(listing, query)).map(({ id }) => id);
      expect(ids(other).sort()).toEqual(ids(one).sort());
    }
  });

  it('knows what waits in a held array, and that what runs there is not held', () => {
    const held = states(noted('a held array: what runs goes on, first look')).map((one) => one.split(' ')[1]);
    expect(held.slice(0, 6)).toEqual(['running', 'running', 'running', 'running', 'held', 'held']);
  });

  it('counts what is on its way back to its queue, and not what is on its way out', () => {
    const first = (substate: number) => {
      const text = whole.stdout
        .replace('job_state = R', 'job_state = E')
        .replace('substate = 42', `substate = ${substate}`);
      return states(output(text)).map((one) => one.split(' ')[1])[0];
    };
    expect(states(whole)[0]).toContain('running');
    expect([50, 51, 53, 59, 64, 91].map(first)).toEqual(Array(6).fill('ending'));
    expect([60, 61, 62, 63].map(first)).toEqual(Array(4).fill('pending'));
  });

  it('says in words that a job can never run', () => {
    const reasons = jobsOf(pbs.parseList(noted('some can never run, first look'), query)).map(
      (one) => one.reason ?? '',
    );
    const words = reasons.map((reason) => pbs.explain(reason));
    expect(words.join('\n')).toMatch(/never starts: .*; set scheduler\./);
  });

  it('is complete and empty only where qselect said so with 0', () => {
    expect(pbs.parseList(noted('nothing is there, first look'), query)).toEqual({ kind: 'complete', jobs: [] });
    const down = pbs.parseList(noted('the server is down, first look'), query);
    expect(down).toMatchObject({ kind: 'incomplete', reason: expect.stringContaining('cannot connect to server') });
    expect(pbs.parseList(output(''), query).kind).toBe('incomplete');
  });

  const whole = noted('four run, three wait, first look');
  const parse = (change: (stdout: string) => string, stderr = '', code = 0) =>
    pbs.parseList(output(change(whole.stdout), stderr, code), query);

  it('never takes a part for the whole, cut at any byte', () => {
    fc.assert(
      fc.property(fc.nat({ max: whole.stdout.length - 1 }), (end) => {
        expect(parse((text) => text.slice(0, end)).kind).toBe('incomplete');
      }),
      { numRuns: 300 },
    );
  });

  it('never takes a part for the whole, whatever line of it is lost', () => {
    const lines = whole.stdout.split('\n');
    const before = states(whole).length;
    for (const at of lines.keys()) {
      const listing = parse(() => lines.toSpliced(at, 1).join('\n'));
      if (listing.kind === 'complete') expect([lines[at], listing.jobs.length]).toEqual([lines[at], before]);
    }
  });

  it('says which line it does not understand', () => {
    const said = (change: (stdout: string) => string, stderr = '', code = 0) => {
      const listing = parse(change, stderr, code);
      return listing.kind === 'incomplete' ? listing.reason : 'complete';
    };
    expect(said((text) => text.replace('job_state = Q', 'job_state = Z'))).toContain('job_state = Z');
    expect(said((text) => text.replace(/^Job Id: /m, 'Motd\n$&'))).toContain('not understood: Motd');
    expect(said((text) => text.replace(/^asked select$/m, '$&\nWelcome'))).toContain('not understood: Welcome');
    const last = /asked select\n[\s\S]*?(\d+\.pbs1)\nanswered 0/.exec(whole.stdout)?.[1] ?? '';
    const without = (text: string) => text.replace(new RegExp(`Job Id: ${last}\n[\\s\\S]*?\n\n`), '');
    expect(said(without)).toBe(`qselect named ${last}, and qstat did not show it`);
    const unknown = (text: string) => without(text).replace(/answered 0\nasked all/, 'answered 153\nasked all');
    expect(said(unknown, `qstat: Unknown Job Id ${last}\n`)).toBe('complete');
    expect(said(unknown)).toBe('qstat ended with 153');
    expect(said((text) => text, 'qstat: Premature end of message\n', 183)).toContain('Premature');
    expect(said((text) => text.replace(/Job Id: \d+\[3\][\s\S]*?\n\n/, ''))).toMatch(
      /did not show \S+\[3\]\.pbs1 of its array/,
    );
  });

  it('takes an environment with line breaks, as -V makes it', () => {
    const text = (word: string) => word.replace('GLIDEIN_TAG=', 'D=new\nline,GLIDEIN_TAG=');
    expect(jobsOf(parse(text)).map((one) => one.tag)).toEqual(
      jobsOf(pbs.parseList(whole, query)).map((one) => one.tag),
    );
  });

  it('reads each job of every recorded qstat -f', () => {
    const shown = all.filter(
      ({ command, stdout }) =>
        /qstat -x?ft?( |$)/.test(command) && !command.includes('-F') && stdout.startsWith('Job Id: '),
    );
    expect(shown.length).toBeGreaterThan(1);
    for (const { stdout } of shown) {
      const text = stdout.slice(0, stdout.lastIndexOf('\n\n') + 2);
      const ids = [...text.matchAll(/^Job Id: (\S+)$/gm)].map((match) => match[1] ?? '');
      const program = `asked select\n${ids.join('\n')}\nanswered 0\nasked show\n${text}answered 0\nasked all\n`;
      expect(jobsOf(pbs.parseList(output(program), query)).map((one) => one.id)).toEqual(
        ids.filter((id) => !id.includes('[]')),
      );
    }
  });
});

describe('asking by id', () => {
  it('knows what exists, what is unknown and what is over', () => {
    const answers = [...pbs.parseAsk(noted('the last of the array and of all are unknown'))];
    expect(answers.map(([, answer]) => answer)).toEqual(['exists', 'exists', 'gone', 'exists', 'gone']);
    expect([...pbs.parseAsk(noted('over, with history')).values()]).toEqual(['gone', 'gone']);
  });

  it('takes no answer from a server that is down', () => {
    const down = all.filter(
      ({ note, command }) => note === 'the server is down' && command.includes('echo "asked $id"'),
    );
    expect(down.length).toBe(1);
    for (const one of down) expect(pbs.parseAsk(one).size).toBe(0);
  });
});

describe('cancelling', () => {
  it('takes what is over for done, and nothing else', () => {
    for (const words of ['only what has not started', 'two of them are over', 'one that runs is left alone']) {
      expect(pbs.parseCancel(noted(words), [])).toEqual({ kind: 'done' });
    }
    const down = all.filter(({ note, command }) => note === 'the server is down' && /qdel/.test(command));
    expect(down.length).toBe(2);
    for (const one of down) expect(pbs.parseCancel(one, [])).toMatchObject({ kind: 'refused' });
    const other = output('', 'qdel: Unauthorized Request  53.pbs1\n', 159);
    expect(pbs.parseCancel(other, [])).toEqual({ kind: 'refused', text: 'qdel: Unauthorized Request  53.pbs1' });
    expect(pbs.parseCancel(output('', '', 124), []).kind).toBe('refused');
    // It was ended while others had still to be deleted.
    for (const code of [124, 137, 143]) {
      expect(pbs.parseCancel(output('', 'qdel: Unknown Job Id 9.pbs1\n', code), []).kind).toBe('refused');
    }
  });

  it('left what runs alone when only what waits was meant', () => {
    const after = states(noted('the first of the array still runs, the fifth is over, first look'));
    expect(after[0]).toMatch(/\[0\]\.pbs1 running$/);
    expect(after[4]).toMatch(/\[4\]\.pbs1 finished$/);
    expect(states(noted('after that, first look'))[1]).toMatch(/\[1\]\.pbs1 running$/);
  });

  it('never deletes several by one request, and holds an array as a whole', () => {
    expect(pbs.cancelCommand(['1.s', '2[0].s'], { onlyPending: false })).toMatch(/qdel "\$id".* sh 1\.s '2\[0\]\.s'$/);
    expect(pbs.cancelCommand(['1.s', '2[0].s', '2[1].s'], { onlyPending: true })).toMatch(
      / sh 2 1\.s '2\[\]\.s' 1\.s '2\[0\]\.s' '2\[1\]\.s'$/,
    );
  });

  it('cannot reach the job’s shell alone', () => {
    expect(pbs.endCommand(['1.s'])).toBeNull();
  });
});

describe('ids', () => {
  it('go from submission to pilot and back', () => {
    expect(pbs.pilotId('5[].pbs1', 3)).toBe('5[3].pbs1');
    expect(pbs.submissionIdOf('5[3].pbs1')).toBe('5[].pbs1');
    for (const index of [0, null]) expect(pbs.pilotId('6.pbs1', index)).toBe('6.pbs1');
    expect(pbs.submissionIdOf('6.pbs1')).toBe('6.pbs1');
  });
});

describe('the accounting', () => {
  it('knows how each ended', () => {
    const finished = pbs.parseFinished(noted('what the server kept'), { site: 'campus' });
    if (finished.kind === 'unknown') throw new Error(finished.reason);
    const lately = finished.jobs.filter((one) => (one.endedAt ?? 0) > noted('what the server kept').atSeconds - 60);
    const ran = lately.filter((one) => one.node !== null);
    expect(ran.length).toBeGreaterThan(3);
    expect(new Set(ran.map((one) => one.state))).toEqual(new Set(['CANCELLED']));
    expect(lately.filter((one) => one.node === null && (one.exitCode !== null || one.startedAt !== null))).toEqual([]);
  });

  it('is unknown where the server is down, or keeps none', () => {
    const down = all.filter(({ note, command }) => note === 'the server is down' && command.includes('qselect -x'));
    expect(down.length).toBe(1);
    for (const one of down) expect(pbs.parseFinished(one, { site: 'campus' }).kind).toBe('unknown');
    const none = output(
      'asked select\nanswered 0\nasked all\n',
      'qselect: PBS is not configured to maintain job history\n',
    );
    expect(pbs.parseFinished(none, { site: 'campus' }).kind).toBe('unknown');
  });

  it('asks for a moment in UTC', () => {
    expect(pbs.finishedCommand({ jobName: 'g-campus', sinceSeconds: 1_795_196_357 })).toContain(
      '-tm.ge.202611201739.17',
    );
  });
});

describe('reasons', () => {
  it.each([
    ['Can Never Run: Insufficient amount of resource: ncpus (R: 64 A: 16 T: 16)', 'scheduler.cores'],
    ['Can Never Run: Insufficient amount of resource: mem (R: 999gb A: 9gb T: 9gb)', 'scheduler.memoryMB'],
    ['Can Never Run: Insufficient amount of resource: arch (foo != linux)', 'scheduler.constraint'],
    ['Can Never Run: Not enough total nodes available', 'never starts'],
    ['Not Running: User has reached server running job limit.', 'limit of running jobs of the user'],
    ['Not Running: Not enough free nodes available', 'waits for free nodes'],
  ])('%s', (reason, words) => {
    expect(pbs.explain(reason)).toContain(words);
  });

  it('are left alone where nothing better can be said', () => {
    expect(pbs.explain('Job run at Fri Nov 20 at 17:50 on (n1:ncpus=4)')).toBeNull();
  });
});
