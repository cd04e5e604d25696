import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { slurm } from '../../src/schedulers/slurm.ts';
import { recordedSystems, recordings } from '../support/recordings.ts';

const { explain } = slurm;

describe('reasons in words', () => {
  it.each([
    ['Resources', 'waits for free nodes'],
    ['Priority', 'others are before it in the queue'],
    ['(Priority)', 'others are before it in the queue'],
    ['PartitionTimeLimit', 'never starts: its wall clock is longer than the queue allows; set scheduler.walltime'],
    ['Resources,JobHeldUser', 'waits for free nodes; or: held by its user: scontrol release lets it go on'],
    [
      'ReqNodeNotAvail, UnavailableNodes:cs[100,101]',
      'the nodes it could run on are not available now: down, drained or kept for maintenance (cs[100,101])',
    ],
    [
      'ReqNodeNotAvail, UnavailableNodes:',
      'the nodes it could run on are not available now: down, drained or kept for maintenance',
    ],
    [
      'Nodes required for job are DOWN, DRAINED or reserved for jobs in higher priority partitions',
      'the nodes it could run on are down, drained or kept for queues of higher priority',
    ],
    [
      'Nodes_required_for_job_are_DOWN,_DRAINED_or_reserved_for_jobs_in_higher_priority_partitions',
      'the nodes it could run on are down, drained or kept for queues of higher priority',
    ],
    ['launch failed requeued held', 'held: its node could not start it; ask the site, then scontrol release'],
    ['QOSMaxJobsPerUserLimit', 'you have as many jobs as the QOS allows at a time; waits for some to become free'],
    [
      'AssocGrpNodeLimit',
      'all who use the account together have as many nodes as the account allows at a time; waits for some to become free',
    ],
    [
      'QOSGrpGRES',
      'all who use the QOS together have as many GPUs or other devices as the QOS allows at a time; waits for some to become free',
    ],
    [
      'AssocGrpCPUMinutesLimit',
      'the account has used up its minutes of computing time; ask for more, or set scheduler.account',
    ],
    [
      'AssocGrpBillingMinutes',
      'the account has used up its minutes of computing time; ask for more, or set scheduler.account',
    ],
    [
      'QOSMaxWallDurationPerJobLimit',
      'never starts: its wall clock is longer than the QOS allows; set scheduler.walltime',
    ],
    [
      'AssocMaxNodePerJobLimit',
      'never starts: it asks for more nodes than the account allows a job; set scheduler.account',
    ],
    ['QOSMinCpuNotSatisfied', 'never starts: it asks for fewer cores than the QOS requires; set scheduler.qos'],
  ])('%s', (reason, words) => {
    expect(explain(reason)).toBe(words);
  });

  it.each(['', 'Weather', 'toString', 'Resources,Weather', 'QOS', 'AssocGrp'])('has none for %j', (reason) => {
    expect(explain(reason)).toBeNull();
  });

  it('has words for every reason that real Slurm was seen to give', () => {
    const seen = new Set<string>();
    for (const system of recordedSystems().filter((name) => name.startsWith('slurm-'))) {
      for (const { command, stdout, code } of recordings(system)) {
        if (code !== 0 || !/^env SLURM_TIME_FORMAT=%s .*squeue/.test(command)) continue;
        for (const line of stdout.split('\n')) seen.add(line.split('\u001f')[9] ?? '');
      }
    }
    seen.delete('');
    expect(seen.size).toBeGreaterThan(10);
    for (const reason of seen) expect(explain(reason), reason).not.toBeNull();
  });

  it('says one line of plain text whatever the reason is', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.constantFrom('', 'QOSGrp', 'AssocMax', 'ReqNodeNotAvail, UnavailableNodes:'),
        (text, head) => {
          const words = explain(`${head}${text}`);
          if (words !== null) expect(words).not.toBe('');
        },
      ),
      { numRuns: 500 },
    );
  });
});
