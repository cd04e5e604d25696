import type { Output } from '../../src/schedulers/scheduler.ts';
import type { Recorded } from '../support/recordings.ts';
import type { Run } from './conformance.ts';
import { type Reading, recordedRun } from './recorded-subjects.ts';

/**
 * PBS's recordings: programs of the dialect's own, and commands that a person typed, one client each. The dialect asks
 * several in one program, whose marks are put round the latter; what stands between them is the recording, byte by byte.
 */
export const pbsReading: Reading = {
  folder: /^openpbs-/,
  runs: (all) => all.flatMap((one, place) => ownRuns(one, all[place + 1]) ?? typedRuns(one)).concat(discoveries(all)),
  traits: {
    mentions: (text, id) => new RegExp(`^Job Id: ${id}[.[]`, 'm').test(text),
    jobsShown: (text) => [...text.matchAll(/^Job Id: \d+(?:\[\d+\])?\./gm)].length,
    noJobs: null,
    isOver: ({ stderr }) => /Unknown Job Id|has finished|finished array subjob|invalid for state/.test(stderr),
    withUnknownState: (text) => text.replace(/^ {4}job_state = \w$/m, '    job_state = DANCING'),
  },
  query: { site: 'campus', jobName: 'glidein-campus', secondLook: false },
};

/** A command by itself: what follows another, or is put into one, answers for both. */
const alone = (command: string) => command.replace(/^cd \S+ 2>\/dev\/null; /, '');
const isOne = (command: string) => !/[;|&$`]/.test(alone(command));

/** What the dialect's own programs printed; null: it is none of those. */
function ownRuns(one: Recorded, next: Recorded | undefined): Run[] | null {
  const { command } = one;
  if (/^printf [\s\S]*\| qsub -f /.test(command)) return [recordedRun('submit', one)];
  if (/^sh -c '(?:trap|code=0; for id)[\s\S]* qdel /.test(command)) return [recordedRun('cancel', one)];
  if (/^sh -c 'for id; do echo "asked/.test(command)) return [recordedRun('ask', one)];
  if (!command.startsWith("sh -c 'ask() ")) return null;
  if (command.includes('ask server')) return [recordedRun('discover', one)];
  if (command.includes('qselect -x') || command.includes('qselect -T')) return [];
  const isPair = next?.command.includes('qselect -T') === true;
  return [{ ...recordedRun('list', one), secondLook: isPair ? next : null }];
}

function typedRuns(one: Recorded): Run[] {
  const command = alone(one.command);
  if (!isOne(one.command) || /--version/.test(command)) return [];
  if (/^qsub (?!-z)/.test(command)) return [recordedRun('submit', one)];
  if (/^qdel \S/.test(command)) return [recordedRun('cancel', one)];
  if (/^qselect -u \w+$/.test(command)) {
    return one.stdout === '' ? [recordedRun('list', one, pieces([['select', one]], one.stderr))] : [];
  }
  if (/^qstat -f(?: -w)?$/.test(command) && one.code === 0)
    return [recordedRun('list', one, described(one)), ...asksOfEach(one)];
  if (/^qstat (?:-f )?\d[\w.[\]]*$/.test(command)) return [recordedRun('ask', one, asked(command, one))];
  return [];
}

/** The marks of the dialect's program round what each client printed; none of its own lines is missing. */
function pieces(parts: readonly (readonly [name: string, output: Output])[], stderr = ''): Output {
  const texts = parts.map(([name, { stdout, code }]) => `asked ${name}\n${stdout}answered ${code}\n`);
  return { stdout: `${texts.join('')}asked all\n`, stderr, code: 0 };
}

function described(one: Recorded): Output {
  const ids = [...one.stdout.matchAll(/^Job Id: (\S+)$/gm)].map(([, id]) => `${id}\n`).join('');
  return pieces(
    ids === ''
      ? [['select', none]]
      : [
          ['select', { ...none, stdout: ids }],
          ['show', one],
        ],
    one.stderr,
  );
}

const none: Output = { stdout: '', stderr: '', code: 0 };

function asked(command: string, { stdout, stderr }: Output): Output {
  const id = command.split(' ').at(-1) ?? '';
  return { stdout: `asked ${id}\n${stdout}${stderr}asked\n`, stderr: '', code: 0 };
}

/** Each of the jobs as `qstat` shows it that is asked for this one. */
function asksOfEach(one: Recorded): Run[] {
  return [...one.stdout.matchAll(/^Job Id: (\S+)\n[\s\S]*?\n\n/gm)].map(([text, id]) =>
    recordedRun('ask', one, { stdout: `asked ${id}\n${text}asked\n`, stderr: '', code: 0 }),
  );
}

/** Server, queues and, where they were recorded as text, nodes. */
function discoveries(all: readonly Recorded[]): Run[] {
  const find = (pattern: RegExp) => all.find(({ command, code }) => code === 0 && pattern.test(alone(command)));
  const [server, queues, nodes] = [find(/^qstat -Bf$/), find(/^qstat -Qf$/), find(/^pbsnodes -av$/)];
  if (server === undefined || queues === undefined) return [];
  const shown: [string, Output][] = nodes === undefined ? [] : [['nodes', nodes]];
  const down = all.find(({ command, code }) => code !== 0 && /^qstat -B$/.test(alone(command)));
  const failure = down === undefined ? [] : [recordedRun('discover', down, pieces([['server', down]], down.stderr))];
  return [recordedRun('discover', queues, pieces([['server', server], ['queues', queues], ...shown])), ...failure];
}
