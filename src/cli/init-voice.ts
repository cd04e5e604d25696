import type { Choice, InitKey, Question, Voice } from '../commands/init.ts';
import type { Ask } from '../context.ts';
import { queueRow, queueTitle } from './discover-outcome.ts';
import { wordFailure } from './failure-words.ts';
import { foundLines } from './init-outcome.ts';
import { columns, paint } from './report.ts';
import type { Screen } from './screen.ts';

/** How `init` asks, and shows what it found: on stderr, a question a line, with its choices above it. */

/** `ask` is null without a terminal: then nobody is asked. */
export function initVoice(screen: Screen, ask: Ask | null): Voice {
  const { asides, results } = screen;
  const isSilent = results.json || (asides.quiet && ask === null);
  return {
    found: (look) => {
      if (!isSilent) screen.say(`\n${foundLines(look, { isAsked: ask !== null }, asides).join('\n')}\n`);
    },
    propose: (raw) => {
      if (!isSilent)
        screen.say(
          `${ask === null ? '' : '\n'}${paint('bold', 'the profile', asides)}\n${JSON.stringify(raw, null, 2)}`,
        );
    },
    interviewer: ask === null ? null : interviewerAt(screen, ask),
  };
}

function interviewerAt(screen: Screen, ask: Ask): NonNullable<Voice['interviewer']> {
  const { asides } = screen;
  let last: InitKey | null = null;
  return {
    async ask(question) {
      const lines = [...(explanations[question.key] ?? []), ...choiceLines(question)];
      const isAgain = last === question.key;
      last = question.key;
      if (lines.length > 0 && !isAgain) screen.say(`\n${lines.join('\n')}`);
      for (;;) {
        const typed = await ask({ text: promptOf(question), hidden: false, otherwise: '' });
        if (typed === null) return null;
        const answer = meant(typed.trim(), question);
        if (answer !== null) return answer;
        screen.say(
          `${paint('red', 'no:', asides)} this cannot be left out (Ctrl-C ends it all, and nothing is written)`,
        );
      }
    },
    refuse(key, failure) {
      const { message, hint } = wordFailure(failure);
      // A value's hint is about a profile that is there.
      const isValue = failure.kind === 'value-refused';
      screen.say(`${paint('red', 'no:', asides)} ${isValue ? `${names[key]} ${failure.reason}` : message}`);
      if (!isValue && hint !== null) screen.say(`${paint('dim', 'next:', asides)} ${hint}`);
    },
    async agrees(to, site) {
      const typed = await ask({ text: agreements[to](site), hidden: false, otherwise: to === 'write' ? 'yes' : 'no' });
      return typed === null ? null : /^y(?:es)?$/i.test(typed.trim());
    },
  };
}

const agreements = {
  write: (site: string) => `Write this as the profile of ${site}? [Y/n]`,
  replace: (site: string) => `${site} has a profile already. Is it to be replaced in the end? [y/N]`,
};

/** What is asked for, as it stands before `is` and `must be`. */
const names: Readonly<Record<InitKey, string>> = {
  host: 'the login host',
  site: 'the name of the site',
  scheduler: 'the batch system',
  queue: 'the queue',
  account: 'the account',
  project: 'the project',
  walltime: 'this',
  gpus: 'the number of GPUs',
  cores: 'the number of cores',
  module: 'the module',
  image: 'the image',
  owners: 'the owner',
  osgSite: 'the OSG site',
  osgResource: 'the OSG resource',
  token: 'the token',
  target: 'the target',
};

const prompts: Readonly<Record<InitKey, string>> = {
  host: 'Login host (a name, USER@NAME, or a Host of ~/.ssh/config)',
  site: 'A short name for the site',
  scheduler: 'Batch system',
  queue: 'Queue',
  account: 'Account that is charged',
  project: 'Project that is charged',
  walltime: 'Wall clock of a pilot ([D-]HH:MM:SS)',
  gpus: 'GPUs for each pilot',
  cores: 'Cores of a node (this batch system has no word for all of them)',
  module: 'Module that brings the container runtime',
  image: 'Image on the cluster',
  owners: 'Owner',
  osgSite: 'OSG site',
  osgResource: 'OSG resource',
  token: 'File with the token',
  target: 'How many pilots should there be',
};

/** Where an answer comes from that people may not have at hand. */
const explanations: Readonly<Partial<Record<InitKey, readonly string[]>>> = {
  owners: [
    "Whose jobs may run on the pilots, and nobody else's? On your access point, while you have a job there, this",
    'prints it:  condor_q -af User   (several: with blanks between them)',
  ],
  osgSite: [
    'The names under which the cluster is registered in OSG Topology: usage is credited to them. The people who run',
    'the cluster, or your contact at OSG, know them. Names that are made up are credited to nobody.',
  ],
  token: [
    'Pilots join the pool with a token (an HTCondor IDTOKEN) from the people who run your access point. It must be in',
    'a file that only you can read; nothing of it is shown, or written into the profile.',
  ],
};

function choiceLines({ key, choices }: Question): string[] {
  if (choices.length === 0) return [];
  const numbered = (cells: readonly string[], at: number) => [`${at + 1})`.padStart(4), ...cells];
  if (key !== 'queue') return columns(choices.map((choice, at) => numbered(cellsOf(choice), at)));
  const rows = choices.map(({ value, queue }, at) => numbered(queue === undefined ? [value] : queueRow(queue), at));
  return columns([['    ', ...queueTitle], ...rows]);
}

function cellsOf({ value, version }: Choice): string[] {
  if (value === '') return ['none: the nodes have one without'];
  return version == null ? [value] : [value, version];
}

function promptOf({ key, choices, otherwise }: Question): string {
  const how = choices.length === 0 ? '' : ', number or name';
  const usual = otherwise === null ? '' : ` [${otherwise === '' ? 'none' : otherwise}]`;
  return `${prompts[key]}${how}${usual}:`;
}

/** The answer to what was typed; null: it was nothing, and there must be something. */
function meant(typed: string, { choices, otherwise }: Question): string | null {
  if (typed === '') return otherwise;
  if (choices.some(({ value }) => value === typed)) return typed;
  if (/^\d+$/.test(typed)) return choices[Number(typed) - 1]?.value ?? typed;
  const isNone = typed === 'none' && (otherwise === '' || choices.some(({ value }) => value === ''));
  return isNone ? '' : typed;
}
