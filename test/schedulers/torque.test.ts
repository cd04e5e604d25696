import { describe, expect, it } from 'vitest';
import type { BatchJob, ListQuery, Output } from '../../src/schedulers/scheduler.ts';
import { torque } from '../../src/schedulers/torque.ts';
import { wholeNodeJob } from '../support/batch-job.ts';

// None was recorded: the texts are written after Torque's source and manual pages.

const job: BatchJob = { ...wholeNodeJob, cores: 4 };
const query: ListQuery = { site: 'campus', jobName: 'g-campus', secondLook: false };
const output = (stdout: string, stderr = '', code = 0): Output => ({ stdout, stderr, code });

const shown = (id: string, name: string, state: string, more = '') =>
  `Job Id: ${id}\n    Job_Name = ${name}\n    job_state = ${state}\n    ctime = Fri Nov 20 09:58:41 2026\n` +
  `    Resource_List.walltime = 01:00:00\n${more}    Variable_List = PBS_O_QUEUE=batch,\n\tGLIDEIN_TAG=campus-abcdefghij,PBS_O_HOST=login\n\n`;
const listing = (...jobs: readonly string[]) => {
  const ids = jobs.map((text) => /^Job Id: (\S+)/.exec(text)?.[1]);
  return `asked select\n${ids.join('\n')}\nanswered 0\nasked show\n${jobs.join('')}answered 0\nasked all\n`;
};

describe('submitting to Torque', () => {
  it('asks for nodes and cores in its words', () => {
    const given = {
      ...job,
      memoryMB: 900,
      gpus: 2,
      constraint: 'bigmem',
      qos: 'high',
      reservation: 'r.7',
      queue: 'long',
    };
    expect(torque.directives(given)).toEqual([
      '-N g-campus',
      '-l nodes=1:ppn=4:gpus=2:bigmem',
      '-l mem=900mb',
      '-l walltime=12:00:00',
      '-l qos=high',
      '-l advres=r.7',
      '-q long',
      '-S /bin/bash',
      '-j oe',
      '-m n',
    ]);
  });

  it('makes an array by -t, and one pilot none', () => {
    const command = (count: number) =>
      torque.submitCommand(job, {
        tag: 'campus-abcdefghij',
        count,
        array: true,
        logDirWord: '"$HOME"/l',
        scriptWord: 'x',
      });
    expect(command(3)).toBe(
      'qsub -N g-campus -v GLIDEIN_TAG=campus-abcdefghij -t 0-2 -r n -o "$HOME"/l/campus-abcdefghij.OU',
    );
    expect(command(1)).toBe('qsub -N g-campus -v GLIDEIN_TAG=campus-abcdefghij -r n -o "$HOME"/l/campus-abcdefghij.OU');
  });

  it.each([
    [
      'qsub: submit error (Maximum number of jobs already in queue MSG=total number of jobs in queue exceeds)',
      200,
      'capacity',
    ],
    [
      'qsub: submit error (Pbs Server is currently too busy to service this request. Please retry this request.)',
      30,
      'transient',
    ],
    ['qsub: cannot connect to server srv (errno=15137) could not connect to trqauthd', 1, 'transient'],
    ['qsub: submit error (Unknown queue MSG=requested queue not found)', 172, 'permanent'],
    ['qsub: submit error (Job exceeds queue resource limits MSG=cannot satisfy queue max walltime)', 190, 'permanent'],
  ])('%s is %s: %s', (text, code, refusal) => {
    expect(torque.parseSubmit(output('', text, code))).toMatchObject({ kind: 'refused', refusal });
  });

  it('doubts what broke off', () => {
    expect(torque.parseSubmit(output('', 'qsub: submit error (Time out)', 237)).kind).toBe('inDoubt');
    expect(torque.parseSubmit(output('189[].srv\n'))).toEqual({ kind: 'accepted', id: '189[].srv' });
  });
});

describe('the listing of Torque', () => {
  it('has the elements of an array by their own names, and no other jobs of the user', () => {
    const text = listing(
      shown('7[0].srv', 'g-campus-0', 'R', '    exec_host = n3/0-3\n    start_time = Fri Nov 20 10:00:00 2026\n'),
      shown('7[1].srv', 'g-campus-1', 'Q', '    Hold_Types = n\n'),
      shown('7[2].srv', 'g-campus-2', 'C', '    exit_status = 0\n'),
      shown('8.srv', 'g-campus', 'H', '    Hold_Types = u\n'),
      shown('9.srv', 'g-campus-x', 'R'),
      shown('10.srv', 'mine', 'R'),
    );
    const found = torque.parseList(output(text), query);
    if (found.kind === 'incomplete') throw new Error(found.reason);
    expect(found.jobs.map(({ id, index, state }) => [id, index, state])).toEqual([
      ['7[0].srv', 0, 'running'],
      ['7[1].srv', 1, 'pending'],
      ['7[2].srv', 2, 'finished'],
      ['8.srv', null, 'held'],
    ]);
    expect(found.jobs[0]).toMatchObject({ submissionId: '7[].srv', tag: 'campus-abcdefghij', node: 'n3' });
    expect((found.jobs[0]?.endsAt ?? 0) - (found.jobs[0]?.startedAt ?? 0)).toBe(3_600);
  });

  it('is incomplete where a job that was named is not shown', () => {
    const text = listing(shown('8.srv', 'g-campus', 'Q'), shown('9.srv', 'g-campus', 'Q'));
    const lost = text.replace(/Job Id: 9[\s\S]*?\n\n/, '');
    expect(torque.parseList(output(lost), query)).toMatchObject({
      kind: 'incomplete',
      reason: expect.stringContaining('9.srv'),
    });
    const gone = lost.replace('answered 0\nasked all', 'answered 153\nasked all');
    expect(torque.parseList(output(gone, 'qstat: Unknown Job Id Error 9.srv\n'), query).kind).toBe('complete');
  });

  it('never asks for all jobs of everybody, nor for XML', () => {
    for (const secondLook of [false, true]) {
      const command = torque.listCommand({ ...query, secondLook });
      expect(command).toContain('[ $# -eq 0 ] || ask show');
      expect(command).not.toMatch(/qstat -x|-N/);
    }
  });
});

it('takes pilots that are over for cancelled', () => {
  const text =
    'qdel: Request invalid for state of job MSG=invalid state for job - COMPLETE 8.srv\nqdel: nonexistent job id: 9.srv\n';
  expect(torque.parseCancel(output('', text, 170), [])).toEqual({ kind: 'done' });
});

it('knows of jobs that are over what stays in the listing', () => {
  const text = listing(
    shown(
      '7[2].srv',
      'g-campus-2',
      'C',
      '    exec_host = n1/0\n    exit_status = 271\n    comp_time = Fri Nov 20 11:00:00 2026\n',
    ),
  );
  expect(torque.parseFinished(output(text), { site: 'campus' })).toMatchObject({
    jobs: [{ id: '7[2].srv', signal: 15, exitCode: null, node: 'n1' }],
  });
});
