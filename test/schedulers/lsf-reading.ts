import type { Output } from '../../src/schedulers/scheduler.ts';
import type { Recorded } from '../support/recordings.ts';
import type { Run } from './conformance.ts';
import { type Reading, recordedRun } from './recorded-subjects.ts';

/** LSF's recordings: commands that a person typed, and programs of the dialect's own. */
export const lsfReading: Reading = {
  folder: /^(?:openlava|lsf)-/,
  runs: (all) => all.flatMap((one, place) => ownRuns(one, all[place + 1]) ?? typedRuns(one)),
  traits: {
    mentions: (text, id) => new RegExp(`^${id}(?:\\[\\d+\\])?[\\^ ]`, 'm').test(text),
    jobsShown: (text) => [...text.matchAll(/^\d+\^[A-Z]+\^/gm)].length,
    noJobs: null,
    isOver: ({ stderr }) => /already finished|No matching job/.test(stderr),
    withUnknownState: (text) => text.replace(/^(\d+)\^[A-Z]+\^/m, '$1^DANCING^'),
  },
  query: { site: 'campus', jobName: 'g-campus', secondLook: false },
};

const alone = (command: string) => command.replace(/^cd \S+ 2>\/dev\/null; /, '');
const isOne = (command: string) => !/[;|&$`]/.test(alone(command));

/** What the dialect's own programs printed; null: it is none of those. */
function ownRuns(one: Recorded, next: Recorded | undefined): Run[] | null {
  const { command } = one;
  if (/(?:^|\| )env LC_ALL=C .* bsub /.test(command) || /\| sh -c 'cd \/ .* bsub /.test(command))
    return [recordedRun('submit', one)];
  if (/^env LC_ALL=C .* (?:bkill|bmod) /.test(command)) return [recordedRun('cancel', one)];
  if (!command.startsWith("sh -c 'ask() ")) return null;
  if (command.includes('bqueues')) return [recordedRun('discover', one)];
  if (command.includes('for id; do ask')) return [recordedRun('ask', one)];
  if (command.includes('exit_code') || command.includes('ask wide')) return [];
  const isPair = next?.command.includes('ask wide') === true;
  return [{ ...recordedRun('list', one), secondLook: isPair ? next : null }];
}

function typedRuns(one: Recorded): Run[] {
  const command = alone(one.command);
  if (!isOne(one.command) || / -[VIK] /.test(`${command} `)) return [];
  if (/^bsub /.test(command)) return [recordedRun('submit', one)];
  if (/^bkill \S/.test(command)) return [recordedRun('cancel', one)];
  if (/^bjobs(?: -w)?$/.test(command) && !/^JOBID/.test(one.stdout)) return [recordedRun('list', one, listed(one))];
  return [];
}

/** What the client printed on both streams, within the marks of the dialect's program. */
function listed({ stdout, stderr, code, atSeconds }: Recorded): Output {
  const said = `asked now\n${atSeconds}\nanswered 0\nasked jobs\n${stdout}${stderr}answered ${code}\nasked all\n`;
  return code === 124
    ? { stdout: said.replace('asked all\n', ''), stderr: '', code }
    : { stdout: said, stderr: '', code: 0 };
}
