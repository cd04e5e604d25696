import type { Recorded } from '../support/recordings.ts';
import type { Run } from './conformance.ts';
import { type Reading, recordedRun } from './recorded-subjects.ts';

/** Grid Engine's recordings: programs of the dialect's own, and qdel as a person types it. */
export const gridengineReading: Reading = {
  folder: /^gridengine-/,
  runs: (all) => all.flatMap((one, place) => runOf(one, all[place + 1])),
  traits: {
    mentions: (text, id) => new RegExp(`<JB_job_number>${id}</JB_job_number>`).test(text),
    jobsShown: (text) => [...text.matchAll(/^ *<job_list /gm)].length,
    noJobs: null,
    isOver: ({ stdout }) => /does not exist|already in deletion/.test(stdout),
    withUnknownState: (text) => text.replace(/<state>\w+<\/state>/, '<state>DANCING</state>'),
  },
  query: { site: 'campus', jobName: 'g-campus', secondLook: false },
};

function runOf(one: Recorded, next: Recorded | undefined): Run[] {
  const { command } = one;
  if (/^printf %s [\s\S]*\| qsub -N /.test(command)) return [recordedRun('submit', one)];
  if (/^qdel [\d.]+(?: [\d.]+)*$/.test(command) || /^sh -c 'trap : [\s\S]* qdel /.test(command))
    return [recordedRun('cancel', one)];
  if (!command.startsWith("sh -c 'ask() ")) return [];
  if (command.includes('ask queues')) return [recordedRun('discover', one)];
  if (command.includes('ask wanted')) return [recordedRun('ask', one)];
  if (!command.includes('-g d') || !command.includes('ask jobs')) return [];
  const isPair = one.note.endsWith('first look') && next?.note === one.note.replace('first look', 'second look');
  return [{ ...recordedRun('list', one), secondLook: isPair ? next : null }];
}
