import { describe, expect, it } from 'vitest';
import { initVoice } from '../../src/cli/init-voice.ts';
import type { Printing } from '../../src/cli/report.ts';
import type { Screen } from '../../src/cli/screen.ts';
import type { Question } from '../../src/commands/init.ts';
import type { Queue } from '../../src/schedulers/scheduler.ts';

/** How `init` asks, with a scripted person. */

const plain: Printing = {
  ...{ json: false, quiet: false, verbose: false },
  ...{ color: false, unicode: true, columns: 100 },
};

/** What was shown, prompts too, and what came of the answers; null is the end of input. */
function person(typed: readonly (string | null)[]) {
  const shown: string[] = [];
  const left = [...typed];
  const screen: Screen = {
    ...{ results: plain, asides: plain, progress: null, write: () => {} },
    say: (text) => void shown.push(text),
  };
  const { interviewer } = initVoice(screen, async ({ text, otherwise = null }) => {
    shown.push(text);
    const answer = left.shift() ?? null;
    return answer === '' ? otherwise : answer;
  });
  if (interviewer === null) throw new Error('somebody is there');
  return { interviewer, shown };
}

const queue = (name: string, more: Partial<Queue> = {}): Queue => ({
  ...{ name, isDefault: false, isOpen: true, nodes: 4, coresPerNode: 48, memoryMBPerNode: 190_000, gpusPerNode: 0 },
  ...{ gpuType: null, gpuTypes: [], maxWalltimeSeconds: 7 * 86_400, maxNodesPerJob: null },
  ...{ maxSubmitJobs: null, maxArraySize: null, ...more },
});
const queues = [queue('compute', { isDefault: true }), queue('7', { gpusPerNode: 4, gpuType: 'a100' })];
const choices = queues.map((one) => ({ value: one.name, queue: one }));
const queueQuestion: Question = { key: 'queue', choices, otherwise: 'compute' };
const moduleQuestion: Question = {
  key: 'module',
  choices: [{ value: 'apptainer/1.3' }, { value: '' }],
  otherwise: 'apptainer/1.3',
};

describe('a question with choices', () => {
  it('lists them with what they offer, the usual one in brackets', async () => {
    const { interviewer, shown } = person(['']);
    expect(await interviewer.ask(queueQuestion)).toBe('compute');
    expect(shown.join('\n').split('\n')).toEqual([
      '',
      '      QUEUE     NODES  CORES  MEMORY  GPUS    WALLTIME    STATE',
      '  1)  compute*  4      48     185 GB  -       7-00:00:00  open',
      '  2)  7         4      48     185 GB  4 a100  7-00:00:00  open',
      'Queue, number or name [compute]:',
    ]);
  });

  it.each([
    ['2', '7'],
    ['7', '7'],
    [' 1 ', 'compute'],
    ['long', 'long'],
    ['3', '3'],
  ])('%j is %s', async (typed, meant) => {
    expect(await person([typed]).interviewer.ask(queueQuestion)).toBe(meant);
  });

  it('has one for none, by its number and by its name', async () => {
    for (const typed of ['2', 'none']) expect(await person([typed]).interviewer.ask(moduleQuestion)).toBe('');
    expect(await person(['none']).interviewer.ask(queueQuestion)).toBe('none');
  });
});

describe('a question without a usual answer', () => {
  const question: Question = { key: 'owners', choices: [], otherwise: null };

  it('is asked until there is one, and explained once', async () => {
    const { interviewer, shown } = person(['', '  ', 'ada@ap.example.org']);
    expect(await interviewer.ask(question)).toBe('ada@ap.example.org');
    expect(shown.filter((line) => line === 'Owner:')).toHaveLength(3);
    expect(shown.filter((line) => line.includes('condor_q -af User'))).toHaveLength(1);
  });

  it('is over with the end of input', async () => {
    expect(await person([null]).interviewer.ask(question)).toBeNull();
  });
});

it('what was typed wrong is told in the words of the question, a token with what to do', () => {
  const { interviewer, shown } = person([]);
  interviewer.refuse('queue', {
    kind: 'value-refused',
    site: 'campus',
    key: 'queue',
    reason: 'is x, which is not there',
  });
  const file = '/home/ada/token';
  interviewer.refuse('token', {
    kind: 'token-unusable',
    site: 'campus',
    file,
    problem: 'too-open',
    detail: 'mode 644',
  });
  expect(shown).toEqual([
    'no: the queue is x, which is not there',
    'no: others may read the token /home/ada/token (mode 644)',
    'next: chmod 600 /home/ada/token',
  ]);
});

it.each([
  ['write', '', true],
  ['write', 'n', false],
  ['write', 'what', false],
  ['replace', '', false],
  ['replace', 'Yes', true],
  ['write', null, null],
] as const)('to %s, %j is %j', async (to, typed, agrees) => {
  expect(await person([typed]).interviewer.agrees(to, 'campus')).toBe(agrees);
});
