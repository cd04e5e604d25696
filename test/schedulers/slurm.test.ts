import { describe, expect, it } from 'vitest';
import type { BatchJob, ListQuery, Output } from '../../src/schedulers/scheduler.ts';
import { slurm } from '../../src/schedulers/slurm.ts';
import { wholeNodeJob as job } from '../support/batch-job.ts';
import { type Recorded, recordedSystems, recordings } from '../support/recordings.ts';

const query: ListQuery = { site: 'campus', jobName: 'g-campus', secondLook: false };
const output = (stdout: string, stderr = '', code = 0): Output => ({ stdout, stderr, code });

const system = 'slurm-22.05.8';
const all = recordings(system);
const by = (pattern: RegExp) => all.filter((one) => pattern.test(one.command));
const listings = by(/^env SLURM_TIME_FORMAT=%s .*squeue/);

it('was recorded', () => {
  expect(recordedSystems()).toContain(system);
  expect(all.length).toBeGreaterThan(150);
  expect(listings.length).toBeGreaterThan(30);
});

describe('directives', () => {
  it('ask for a whole node and no requeue', () => {
    expect(slurm.directives(job)).toEqual([
      '--job-name=g-campus',
      '--nodes=1',
      '--ntasks=1',
      '--exclusive',
      '--mem=0',
      '--time=0-12:00:00',
      '--no-requeue',
    ]);
  });

  it('ask for a task on each of several nodes, and that one which fails leaves the job to the others', () => {
    expect(slurm.directives({ ...job, nodes: 4 })).toEqual([
      '--job-name=g-campus',
      '--nodes=4',
      '--ntasks-per-node=1',
      '--no-kill',
      '--exclusive',
      '--mem=0',
      '--time=0-12:00:00',
      '--no-requeue',
    ]);
  });

  it('carry what the profile says, and leave out what the site cannot have', () => {
    const given = slurm.directives({
      ...job,
      walltimeSeconds: 2 * 86_400 + 3_661,
      queue: 'long',
      account: 'phy',
      qos: 'high',
      constraint: 'a&b',
      reservation: 'r',
      project: 'w',
      cores: 8,
      memoryMB: 1000,
      extra: ['--mail-type=NONE'],
      skip: ['mem', 'no-requeue'],
    });
    expect(given).toEqual([
      '--job-name=g-campus',
      '--nodes=1',
      '--ntasks=1',
      '--cpus-per-task=8',
      '--time=2-01:01:01',
      '--partition=long',
      '--account=phy',
      '--wckey=w',
      '--qos=high',
      '--constraint=a&b',
      '--reservation=r',
      '--mail-type=NONE',
    ]);
    const gpus = (more: Partial<BatchJob>) =>
      slurm.directives({ ...job, gpus: 4, ...more }).filter((line) => /gpu|gres/.test(line));
    expect(gpus({})).toEqual(['--gpus-per-node=4']);
    expect(gpus({ gpuType: 'a100' })).toEqual(['--gpus-per-node=a100:4']);
    expect(gpus({ gpuOption: 'gpus-per-node' })).toEqual(['--gpus-per-node=4']);
    expect(gpus({ gpuOption: 'gpus', gpuType: 'a100' })).toEqual(['--gpus=a100:4']);
    expect(gpus({ gpuOption: 'gres' })).toEqual(['--gres=gpu:4']);
    expect(gpus({ gpuOption: 'gres', gpuType: 'a100' })).toEqual(['--gres=gpu:a100:4']);
    // The one that is the job's number, not each node's.
    expect(gpus({ gpuOption: 'gpus', gpuType: 'a100', nodes: 3 })).toEqual(['--gpus=a100:12']);
    expect(gpus({ gpuOption: 'gres', nodes: 3 })).toEqual(['--gres=gpu:4']);
    expect(gpus({ gpuOption: 'none' })).toEqual([]);
    expect(gpus({ gpus: 0 })).toEqual([]);
    expect(gpus({ gpuOption: 'gres', skip: ['gres'] })).toEqual([]);
    const skipped = slurm.directives({ ...job, skip: ['exclusive', 'nodes', 'ntasks'] });
    expect(skipped).toEqual(['--job-name=g-campus', '--mem=0', '--time=0-12:00:00', '--no-requeue']);
  });
});

describe('submitting', () => {
  const command = (count: number, array = true, more: Partial<BatchJob> = {}) =>
    slurm.submitCommand(
      { ...job, ...more },
      { tag: 'campus-abcdefghij', count, array, logDirWord: '"$HOME"/logs', scriptWord: 'x.sh' },
    );

  it('says count, name, tag and queue on the command line, where nothing beats them', () => {
    expect(command(3, true, { queue: 'long' })).toBe(
      'sbatch --parsable --job-name=g-campus --comment=campus-abcdefghij --array=0-2 --partition=long --chdir=/ --output="$HOME"/logs/%A_%a.batch',
    );
    expect(command(1)).toContain('--array=0-0');
    expect(command(1, false)).not.toContain('--array');
    expect(command(1, true, { queue: 'long', skip: ['partition'] })).not.toContain('partition');
  });

  it('reads the id wherever a site prints it, with its cluster', () => {
    expect(slurm.parseSubmit(output('12345;campus\n'))).toEqual({ kind: 'accepted', id: '12345' });
    expect(slurm.parseSubmit(output('--> Verifying valid submit host\n12345\n'))).toEqual({
      kind: 'accepted',
      id: '12345',
    });
  });

  it('doubts an answer without an id, a time-out, a signal, and a failure that names an id', () => {
    for (const one of [
      output(''),
      output('', '', 124),
      output('', 'x', 137),
      output('', '', 1),
      output('7\n', 'Broken pipe', 1),
    ]) {
      expect(slurm.parseSubmit(one).kind).toBe('inDoubt');
    }
  });

  const submissions = by(/\bsbatch --parsable/);
  it.each(submissions)('recorded: $command ($note) is $code', (one) => {
    const outcome = slurm.parseSubmit(one);
    if (one.code === 0) expect(outcome).toEqual({ kind: 'accepted', id: one.stdout.trim() });
    else expect(outcome.kind).toBe(expectedOf(one));
    if (outcome.kind === 'refused') expect(outcome.text).toContain(one.stderr.trim().split('\n').at(-1));
  });

  /** By Slurm's own words alone, not by our parser's. */
  function expectedOf(one: Recorded): 'inDoubt' | 'refused' {
    if (one.code === 124) return 'inDoubt';
    return /Socket timed out|\(send failure\)|\(receive failure\)|Zero Bytes/.test(one.stderr) ? 'inDoubt' : 'refused';
  }

  it.each([
    ['Invalid partition name specified', 'permanent'],
    ['Requested node configuration is not available', 'permanent'],
    ['Unable to contact slurm controller (connect failure)', 'transient'],
    ['Resource temporarily unavailable', 'capacity'],
    ['Invalid job array specification', 'permanent'],
  ])('%s is %s', (words, refusal) => {
    const found = submissions.filter((one) => one.code === 1 && one.stderr.includes(words));
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) expect(slurm.parseSubmit(one)).toMatchObject({ kind: 'refused', refusal });
  });

  it.each([
    ['AssocMaxSubmitJobLimit', 'capacity'],
    ['QOSMaxSubmitJobPerUserLimit', 'capacity'],
    ['Invalid account or account/partition combination specified', 'permanent'],
    ['Invalid qos specification', 'permanent'],
    ['Required partition not available (inactive or drain)', 'transient'],
  ])('with accounting, %s is %s', (words, refusal) => {
    const refused = recordings('slurm-22.05.8-accounting').filter(
      (one) => one.command.startsWith('sbatch --parsable') && one.stderr.includes(words),
    );
    expect(refused.length).toBeGreaterThan(0);
    for (const one of refused) expect(slurm.parseSubmit(one)).toMatchObject({ kind: 'refused', refusal });
  });

  it('tells limits on submitting from limits on the job, where the line before the general one names it', () => {
    const general =
      "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)";
    const refusalOf = (text: string) => slurm.parseSubmit(output('', text, 1));
    for (const reason of ['AssocMaxSubmitJobLimit', 'QOSMaxSubmitJobPerUserLimit', 'AssocGrpSubmitJobsLimit']) {
      expect(refusalOf(`sbatch: error: ${reason}\n${general}`)).toMatchObject({ refusal: 'capacity' });
    }
    for (const reason of ['QOSMaxWallDurationPerJobLimit', 'AssocMaxNodePerJobLimit', 'QOSGrpGRES']) {
      expect(refusalOf(`sbatch: error: ${reason}\n${general}`)).toMatchObject({ refusal: 'permanent' });
    }
    expect(refusalOf(general)).toMatchObject({ refusal: 'capacity' });
  });
});

describe('listing', () => {
  it('asks for one user, one name, all states, and gives away no word to the environment', () => {
    const command = slurm.listCommand(query);
    for (const word of ['--user="$(id -un)"', '--name=g-campus', '--states=all', '--array', '--noheader'])
      expect(command).toContain(word);
    expect(slurm.listCommand({ ...query, secondLook: true })).not.toContain('--array');
  });

  it.each(listings.filter((one) => one.code === 0 && one.stderr === ''))('recorded: $file $note', (one) => {
    const listing = slurm.parseList(one, query);
    if (listing.kind !== 'complete') throw new Error(listing.reason);
    // Each line is there, and with its own state; what stands in brackets is as many as it names.
    const lines = one.stdout.split('\n').filter((line) => line !== '');
    const plain = lines.filter((line) => !line.includes('['));
    for (const line of plain) {
      const [id] = line.split('\u001f');
      expect(listing.jobs.map((job) => job.id)).toContain(id);
    }
    expect(listing.jobs.length).toBeGreaterThanOrEqual(lines.length);
    expect(new Set(listing.jobs.map((job) => job.id)).size).toBe(listing.jobs.length);
  });

  it.each(listings.filter((one) => one.code !== 0 || one.stderr !== ''))('recorded failure: $file $note', (one) => {
    const listing = slurm.parseList(one, query);
    expect(listing).toMatchObject({ kind: 'incomplete' });
    if (listing.kind === 'incomplete') expect(listing.reason).not.toBe('');
  });

  it('shows the same jobs in both looks', () => {
    let compared = 0;
    for (const [at, first] of listings.entries()) {
      const second = listings[at + 1];
      if (!first.note.endsWith('first look') || second?.note !== first.note.replace('first look', 'second look'))
        continue;
      if (first.code !== 0) continue;
      const ids = [first, second].map((one) => {
        const listing = slurm.parseList(one, query);
        return listing.kind === 'complete' ? listing.jobs.map((job) => job.id).sort() : listing.reason;
      });
      expect(ids[1], `${first.file} ${first.note}`).toEqual(ids[0]);
      compared += 1;
    }
    expect(compared).toBeGreaterThan(10);
  });

  it('knows every state that was recorded', () => {
    const seen = new Set(
      listings.flatMap((one) => one.stdout.split('\n').flatMap((line) => line.split('\u001f')[3] ?? [])),
    );
    for (const state of ['PENDING', 'RUNNING', 'SUSPENDED', 'COMPLETING', 'COMPLETED', 'CANCELLED', 'FAILED'])
      expect([...seen]).toContain(state);
  });

  const line = (id: string, state: string, reason = 'None', more: { index?: string; comment?: string } = {}) =>
    [
      id,
      id.split('_')[0],
      more.index ?? id.split('_')[1] ?? 'N/A',
      state,
      '1',
      '1795175143',
      '1795175142',
      '1795261543',
      'node1',
      reason,
      more.comment ?? 'campus-abcdefghij',
    ].join('\u001f');
  const one = (text: string) => {
    const listing = slurm.parseList(output(`${text}\n`), query);
    return listing.kind === 'complete' ? listing.jobs[0] : listing.reason;
  };

  it('reads node, tag and times', () => {
    expect(one(line('12_3', 'RUNNING'))).toEqual({
      id: '12_3',
      submissionId: '12',
      index: 3,
      state: 'running',
      reason: null,
      tag: 'campus-abcdefghij',
      nodes: 1,
      node: 'node1',
      submittedAt: 1795175142,
      startedAt: 1795175143,
      endsAt: 1795261543,
    });
    expect(one(line('12_3', 'PENDING', 'Priority'))).toMatchObject({
      startedAt: null,
      endsAt: null,
      reason: 'Priority',
    });
    expect(one(line('12_3', 'RUNNING', 'None', { comment: '(null)' }))).toMatchObject({ tag: null });
    const tagOf = (comment: string) =>
      (one(line('12_3', 'RUNNING', 'None', { comment })) as { tag: string | null }).tag;
    expect(tagOf('site:x account-2024projct campus-abcdefghij;y')).toBe('campus-abcdefghij');
    expect(tagOf('campus-b-abcdefghij')).toBe('campus-b-abcdefghij');
    expect(tagOf('site:x account-2024projct')).toBe(null);
  });

  it.each([
    ['PENDING', 'JobHeldUser', 'held'],
    ['PENDING', 'Resources,JobHeldUser', 'held'],
    ['PENDING', 'PartitionTimeLimit', 'pending'],
    ['CONFIGURING', 'None', 'pending'],
    ['RUNNING', 'JobHeldUser', 'running'],
    ['SUSPENDED', 'None', 'suspended'],
    ['COMPLETING', 'None', 'ending'],
    ['TIMEOUT', 'TimeLimit', 'finished'],
    ['SPECIAL_EXIT', 'None', 'held'],
  ])('%s (%s) is %s', (state, reason, expected) => {
    expect(one(line('12_3', state, reason))).toMatchObject({ state: expected });
  });

  it.each([
    line('12_3', 'DANCING'),
    'Welcome to campus',
    `${line('12_3', 'RUNNING')}\u001fmore`,
    line('12_3', 'RUNNING').replace('12_3', 'x'),
    line('12_[0-...]', 'PENDING', 'Priority', { index: '0-...' }),
    line('12_3', 'RUNNING').split('\u001f').slice(0, 8).join('\u001f'),
  ])('does not guess at %j', (text) => {
    expect(slurm.parseList(output(`${text}\n`), query)).toMatchObject({ kind: 'incomplete' });
  });

  it('takes a last line without its end for a cut', () => {
    expect(slurm.parseList(output(line('12_3', 'RUNNING')), query)).toMatchObject({ kind: 'incomplete' });
    expect(slurm.parseList(output(''), query)).toEqual({ kind: 'complete', jobs: [] });
  });

  it('spreads the record of waiting tasks', () => {
    const listing = slurm.parseList(
      output(`${line('12_[0-2,5,8-12:2%3]', 'PENDING', 'Priority', { index: '0-2,5,8-12:2%3' })}\n`),
      query,
    );
    expect(listing.kind === 'complete' && listing.jobs.map((job) => job.id)).toEqual([
      '12_0',
      '12_1',
      '12_2',
      '12_5',
      '12_8',
      '12_10',
      '12_12',
    ]);
  });
});

describe('asking for pilots by id', () => {
  it('believes only a clear answer', () => {
    const said = [
      'asked 12_0',
      'JobId=13 ArrayJobId=12 ArrayTaskId=0 JobName=g JobState=RUNNING Reason=None',
      'asked 12_1',
      'slurm_load_jobs error: Invalid job id specified',
      'asked 12_2',
      'slurm_load_jobs error: Unable to contact slurm controller (connect failure)',
      'asked 12_3',
      'JobId=16 JobState=CANCELLED Reason=None',
      'asked 12_5',
      'Job 12_5 not found',
      'asked 12_4',
      'asked',
      '',
    ].join('\n');
    expect([...slurm.parseAsk(output(said))]).toEqual([
      ['12_0', 'exists'],
      ['12_1', 'gone'],
      ['12_3', 'gone'],
      ['12_5', 'gone'],
    ]);
  });

  it('quotes what it asks for', () => {
    expect(slurm.askCommand(['1_2', '$(x)'])).toContain(`sh 1_2 '$(x)'`);
  });
});

describe('cancelling', () => {
  it('holds waiting tasks first, since scancel alone takes their whole array', () => {
    expect(slurm.cancelCommand(['12_3', '12_4'], { onlyPending: true })).toBe(
      `sh -c 'held=$1; shift; scontrol hold "$held" && scancel --state=PENDING "$@" && exit 0; code=$?; scontrol release "$held" >/dev/null 2>&1; exit $code' sh 12_3,12_4 12_3 12_4`,
    );
    expect(slurm.cancelCommand(['12_3'], { onlyPending: false })).toBe('scancel 12_3');
  });

  it('tells the shells of running pilots, and no other process', () => {
    expect(slurm.endCommand(['12_3', '12_4'])).toBe('scancel --batch --signal=TERM 12_3 12_4');
  });

  it.each(by(/^scancel --batch/).filter((one) => one.stdout === ''))(
    'recorded: $command ($note) is refused only for what lives',
    (one) => {
      const outcome = slurm.parseEnd(one);
      const denied = one.stderr.includes('denied');
      expect(outcome.kind).toBe(denied ? 'refused' : 'done');
    },
  );

  it('does not take another failure for pilots that are over', () => {
    const over = 'scancel: error: Kill job error on job id 7: Invalid job id specified\n';
    expect(slurm.parseEnd(output('', over, 1))).toEqual({ kind: 'done' });
    expect(slurm.parseEnd(output('', '', 229))).toEqual({ kind: 'done' });
    expect(slurm.parseEnd(output('', over, 228)).kind).toBe('refused');
    expect(slurm.parseEnd(output('', '', 1)).kind).toBe('refused');
    const down = 'scancel: error: slurm_kill_job: Unable to contact slurm controller (connect failure)\n';
    expect(slurm.parseEnd(output('', `${over}${down}`, 1)).kind).toBe('refused');
  });

  it.each(by(/^(timeout 30 )?scancel /))('recorded: $command ($note) is $code', (one) => {
    const outcome = slurm.parseCancel(one, []);
    expect(outcome.kind).toBe(one.code === 0 ? 'done' : 'refused');
    if (outcome.kind === 'refused') expect(outcome.text).toContain(one.stderr.trim());
  });
});

it('knows a pilot by its submission and index, and back', () => {
  expect(slurm.pilotId('12', 3)).toBe('12_3');
  expect(slurm.pilotId('12', null)).toBe('12');
  expect(slurm.submissionIdOf('12_3')).toBe('12');
  expect(slurm.submissionIdOf('12')).toBe('12');
});

describe('nodes that jobs are kept off', () => {
  it('are named before what the user says, which counts', () => {
    const avoiding = { ...job, avoid: ['node7', 'node8'] };
    expect(slurm.directives(avoiding)).toContain('--exclude=node7,node8');
    expect(slurm.directives(job).join(' ')).not.toContain('exclude');
    for (const own of [{ extra: ['--exclude=node1'] }, { extra: ['-x node1'] }, { skip: ['exclude'] }]) {
      expect(slurm.avoidsNodes?.({ ...avoiding, ...own })).toBe(false);
      expect(slurm.directives({ ...avoiding, ...own }).join(' ')).not.toContain('node7');
    }
  });
});
