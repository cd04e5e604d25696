import { describe, expect, it } from 'vitest';
import { gridengine } from '../../src/schedulers/gridengine.ts';
import type { Output } from '../../src/schedulers/scheduler.ts';
import { wholeNodeJob } from '../support/batch-job.ts';
import { recordings } from '../support/recordings.ts';

const query = { site: 'campus', jobName: 'g-campus', secondLook: false };
const all = recordings('gridengine-8.1.9');
const find = (note: string, command = '') => {
  const found = all.find((one) => one.note === note && one.command.includes(command));
  if (found === undefined) throw new Error(`${note} was not recorded`);
  return found;
};
const jobsIn = (output: Output) => {
  const list = gridengine.parseList(output, query);
  if (list.kind === 'incomplete') throw new Error(list.reason);
  return list.jobs;
};

describe('what Grid Engine is asked for', () => {
  const submission = { tag: 'campus-abcdefghij', count: 3, array: true, logDirWord: '"$l"', scriptWord: 'x' };

  it('is a host without others, one option a line', () => {
    expect(gridengine.directives({ ...wholeNodeJob, queue: 'all.q' })).toEqual([
      '-N g-campus',
      '-l exclusive=true',
      '-l h_rt=12:00:00',
      '-q all.q',
      '-S /bin/bash',
      '-j y',
      '-r n',
      '-m n',
    ]);
  });

  it('is what the profile says, less what the site does not have', () => {
    const more = { cores: 4, memoryMB: 8_000, gpus: 2, constraint: 'arch=lx-amd64', account: 'a', project: 'p' };
    const lines = gridengine.directives({ ...wholeNodeJob, ...more, reservation: '7', skip: ['exclusive', 'S', 'm'] });
    const asked = ['-pe smp 4', '-l mem_free=8000M', '-l gpu=2', '-l arch=lx-amd64', '-l h_rt=12:00:00'];
    expect(lines).toEqual(['-N g-campus', ...asked, '-A a', '-P p', '-ar 7', '-j y', '-r n']);
    expect(gridengine.directives({ ...wholeNodeJob, gpus: 2, gpuOption: 'none' }).join()).not.toContain('gpu');
  });

  it('stands on the command line where it decides, and says what the job was given', () => {
    expect(gridengine.submitCommand({ ...wholeNodeJob, memoryMB: 500, queue: 'all.q' }, submission)).toBe(
      'qsub -N g-campus -now n -sync n -ac GLIDEIN_TAG=campus-abcdefghij ' +
        '-v GLIDEIN_MEMORY_MB=500,GLIDEIN_WHOLE_NODE=yes -t 1-3 -q all.q -o "$l"/\'$JOB_ID.$TASK_ID.batch\'',
    );
    const alone = { ...submission, count: 1, array: false };
    expect(gridengine.submitCommand({ ...wholeNodeJob, skip: ['exclusive'] }, alone)).toBe(
      'qsub -N g-campus -now n -sync n -ac GLIDEIN_TAG=campus-abcdefghij -o "$l"/\'$JOB_ID.batch\'',
    );
  });
});

describe('what qsub answers', () => {
  const refused = (note: string) => gridengine.parseSubmit(find(note));

  it('is an id, also behind a warning', () => {
    expect(refused('warned, and taken')).toMatchObject({ kind: 'accepted' });
  });

  it('is in doubt when a warning failed and the job was taken all the same', () => {
    const text =
      'Unable to run job: warning: ada\'s job is not allowed to run in any queue\nYour job 1 ("x") has been submitted\nExiting.\n';
    expect(gridengine.parseSubmit({ stdout: '', stderr: text, code: 1 }).kind).toBe('inDoubt');
  });

  it.each([
    ['larger than an array may be', 'capacity'],
    ['one more than max_u_jobs', 'capacity'],
    ['one more than max_jobs', 'capacity'],
    ['no such queue', 'permanent'],
    ['no such resource', 'permanent'],
    ['no such project', 'permanent'],
    ['checked, and longer than the queue allows', 'permanent'],
    ['the master is down', 'transient'],
  ])('is refused: %s is %s', (note, refusal) => {
    const answer = note === 'the master is down' ? find(note, 'qsub') : find(note);
    expect(gridengine.parseSubmit(answer)).toMatchObject({ kind: 'refused', refusal });
  });

  it('is in doubt when nobody knows whether it arrived', () => {
    const text =
      'Unable to run job: failed receiving gdi request response for mid=1 (got syncron message receive timeout error).\nExiting.';
    for (const output of [
      { stdout: '', stderr: text, code: 1 },
      { stdout: '', stderr: 'bash: fork: retry', code: 1 },
      { stdout: '', stderr: '', code: 0 },
    ])
      expect(gridengine.parseSubmit(output).kind).toBe('inDoubt');
  });
});

describe('a listing', () => {
  it('has states, nodes, times and tags', () => {
    const jobs = jobsIn(find('one is held and one suspended, first look'));
    const shown = jobs.map(({ index, state, node }) => `${index} ${state} ${node}`);
    expect(shown.slice(0, 3)).toEqual(['1 running node1', '2 suspended node1', '3 running node1']);
    expect(shown).toContain('8 held null');
    expect(shown.filter((one) => one.endsWith(' null')).length).toBe(jobs.length - 6);
    for (const job of jobs) {
      expect(job.tag).toMatch(/^campus-a+\d$/);
      expect(job.submittedAt).toBeGreaterThan(1_795_000_000);
      expect(job.startedAt === null ? null : job.endsAt).toBe(job.startedAt === null ? null : job.startedAt + 3_600);
    }
  });

  it('tells what is on its way out, and what never starts', () => {
    const ending = jobsIn(find('two are on their way out, first look')).filter((job) => job.state === 'ending');
    expect(ending.length).toBeGreaterThan(0);
    const words = jobsIn(find('none of them runs, first look')).map((job) => gridengine.explain(job.reason ?? ''));
    expect(words).toHaveLength(5);
    for (const word of words) expect(word ?? 'no machine').toMatch(/^(?:waits|held|no machine)/);
    expect(words.filter((word) => word !== null)).toHaveLength(4);
  });

  it('that another answer contradicts is incomplete: a job is missing in the one, or in the other', () => {
    const whole = find('six run, the others wait, first look');
    const [first = ''] = /^job_number: +\d+\n/m.exec(whole.stdout) ?? [];
    const unlisted = gridengine.parseList(
      { ...whole, stdout: whole.stdout.replace(first, 'job_number:   999\n') },
      query,
    );
    expect(unlisted).toMatchObject({ kind: 'incomplete', reason: expect.stringContaining('did not describe it') });
    const none = whole.stdout.replace(/ *<job_list [\s\S]*?<\/job_list>\n/g, '');
    expect(gridengine.parseList({ ...whole, stdout: none }, query)).toMatchObject({
      kind: 'incomplete',
      reason: expect.stringContaining('did not list'),
    });
  });

  it('leaves out jobs of another name, and knows those of another user by their owner', () => {
    const whole = find('six run, the others wait, first look');
    expect(
      jobsIn({
        ...whole,
        stdout: whole.stdout.replaceAll('g-campus<', 'other<').replace(/^owner: +ada$/gm, 'owner: bob'),
      }),
    ).toEqual([]);
  });

  it.each(['first', 'second'])('is incomplete while the master is down (%s look)', (look) => {
    expect(gridengine.parseList(find(`the master is down, ${look} look`), query)).toMatchObject({
      kind: 'incomplete',
      reason: expect.stringContaining('Connection refused'),
    });
  });
});

describe('one that is asked for', () => {
  it('exists, or is gone with its job or without it', () => {
    const answers = gridengine.parseAsk(find('the third and the last two are unknown'));
    expect([...answers.values()]).toEqual(['exists', 'exists', 'gone', 'exists', 'exists', 'gone', 'gone']);
    const later = gridengine.parseAsk(find('the second still runs'));
    expect([...later.values()]).toEqual(['gone', 'exists', 'gone']);
    expect(gridengine.parseAsk(find('the master is down', 'ask wanted')).size).toBe(0);
  });
});

describe('a cancel', () => {
  it('of what is over is done, of what could not be asked refused', () => {
    expect(gridengine.parseCancel(find('all of it is over'), [])).toEqual({ kind: 'done' });
    expect(gridengine.parseCancel(find('the master is down', 'qdel'), [])).toMatchObject({ kind: 'refused' });
    expect(gridengine.parseCancel({ stdout: 'ada has deleted job 7\n', stderr: 'error: x', code: 1 }, []).kind).toBe(
      'refused',
    );
  });

  it('leaves what runs alone where only what waits is meant', () => {
    const left = jobsIn(find('the first of the array still runs, the eighth is over, first look'));
    expect(left.map((job) => `${job.index} ${job.state}`)).toEqual(
      [1, 2, 3, 4, 5, 6].map((index) => `${index} running`).concat('7 pending'),
    );
  });
});

describe('what is known of the queues', () => {
  it('is their size, their limit, and whether they are open', () => {
    const found = gridengine.parseDiscovery(find('one queue is closed'));
    if (found.kind === 'unknown') throw new Error(found.reason);
    const shown = found.queues.map((one) => [
      one.name,
      one.isOpen,
      one.nodes,
      one.coresPerNode,
      one.maxWalltimeSeconds,
    ]);
    expect(shown).toEqual([
      ['all.q', true, 1, 4, null],
      ['short.q', false, 1, 2, 3_600],
    ]);
    expect(found.queues[0]?.memoryMBPerNode).toBeGreaterThan(1_000);
    expect(found.limits.maxArraySize).toBe(75_000);
  });
});

describe('what is over', () => {
  it('is known from the accounting', () => {
    const found = gridengine.parseFinished(find('what the accounting has'), query);
    if (found.kind === 'unknown') throw new Error(found.reason);
    expect(found.jobs.length).toBeGreaterThan(5);
    for (const job of found.jobs)
      expect(job).toMatchObject({ signal: 9, exitCode: null, state: 'KILLED', node: 'node1' });
    expect(gridengine.parseFinished(find('of a name that nobody had'), query)).toEqual({ kind: 'known', jobs: [] });
    const later = find('what the accounting has');
    const since = later.stdout.replace(/^asked since\n0$/m, 'asked since\n4000000000');
    expect(gridengine.parseFinished({ ...later, stdout: since }, query)).toEqual({ kind: 'known', jobs: [] });
  });
});

it('keeps jobs off hosts, unless the user asks for one', () => {
  const avoiding = { ...wholeNodeJob, avoid: ['node7', 'node8'] };
  expect(gridengine.directives(avoiding)).toContain('-l h=!(node7|node8)');
  for (const own of [{ constraint: 'hostname=node1' }, { extra: ['-l h=node1'] }, { skip: ['h'] }])
    expect(gridengine.directives({ ...avoiding, ...own }).join(' ')).not.toContain('node7');
});
