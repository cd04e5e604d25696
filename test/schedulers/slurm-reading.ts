import type { Recorded } from '../support/recordings.ts';
import type { Role, Run } from './conformance.ts';
import { type Reading, recordedRun } from './recorded-subjects.ts';

/** Slurm's recordings: the recorder typed what the dialect asks. */
export const slurmReading: Reading = {
  folder: /^slurm-/,
  runs: (all) => all.flatMap((one, place) => runOf(one, all[place + 1])),
  traits: {
    mentions: (text, id) => text.split('\n').some((line) => /^\d+/.exec(line)?.[0] === id),
    jobsShown: (text) => text.split('\n').filter((line) => line !== '').length,
    noJobs: null,
    isOver: ({ role, stderr }) => role === 'end' && !stderr.includes('denied'),
    withUnknownState: (text) => {
      const [line, ...rest] = text.split('\n');
      return [(line ?? '').split('\u001f').with(3, 'DANCING').join('\u001f'), ...rest].join('\n');
    },
  },
  query: { site: 'campus', jobName: 'glidein-campus', secondLook: false },
};

function runOf(one: Recorded, next: Recorded | undefined): Run[] {
  const role = roleOf(one.command);
  if (role === null || one.note.endsWith('second look')) return [];
  const isPair = one.note.endsWith('first look') && next?.note === one.note.replace('first look', 'second look');
  return [{ ...recordedRun(role, one), secondLook: isPair ? next : null }];
}

function roleOf(command: string): Role | null {
  if (/^(?:timeout \d+ )?sbatch --parsable/.test(command)) return 'submit';
  if (/^env SLURM_TIME_FORMAT=%s .*squeue/.test(command)) return 'list';
  if (/^scancel --batch/.test(command)) return 'end';
  if (/^(?:timeout \d+ )?scancel /.test(command)) return 'cancel';
  return /^sh -c 'ask\(\) .*scontrol show config/.test(command) ? 'discover' : null;
}
