import type { Assignment } from '../config/assignment.ts';
import type { Failure } from '../failure.ts';
import { quote } from '../shell.ts';
import type { Said } from './init-draft.ts';
import { type InitKey, profilePaths } from './init-questions.ts';

/** What `init` says of its own options. Pure. */

interface OptionWords {
  /** null: it has no name of its own. */
  option: string | null;
  value: string;
  example: string;
}

const optionWords: Readonly<Record<InitKey, OptionWords>> = {
  site: { option: null, value: 'SITE', example: 'campus' },
  host: { option: '--host', value: 'HOST', example: 'ada@login.example.org' },
  scheduler: { option: '--scheduler', value: 'KIND', example: 'slurm' },
  queue: { option: '--queue', value: 'QUEUE', example: 'compute' },
  account: { option: '--account', value: 'ACCOUNT', example: 'abc123' },
  project: { option: '--project', value: 'PROJECT', example: 'abc123' },
  walltime: { option: '--walltime', value: '[D-]HH:MM:SS', example: '1-00:00:00' },
  gpus: { option: '--gpus', value: 'N', example: '4' },
  cores: { option: '--cores', value: 'N', example: '48' },
  module: { option: '--module', value: 'MODULE', example: 'apptainer' },
  image: { option: '--image', value: 'PATH', example: '~/.glidein/ospool-ep.sif' },
  owners: { option: '--owner', value: 'OWNER', example: 'ada@ap.example.org' },
  osgSite: { option: '--osg-site', value: 'NAME', example: 'Example-Campus' },
  osgResource: { option: '--osg-resource', value: 'NAME', example: 'Example-Campus-Slurm' },
  token: { option: '--token', value: 'FILE', example: '~/.config/glidein/campus.token' },
  target: { option: '--target', value: 'N', example: '1' },
};

/** An option that was given and does not do. */
export interface WrongOption {
  /** null: a key that was set by its own name. */
  key: InitKey | null;
  reason: string;
}

/** Everything that is missing or wrong on the command line, with one that would do. */
export function optionsFailure(
  { missing, wrong }: { missing: readonly InitKey[]; wrong: readonly WrongOption[] },
  said: Said,
  settings: readonly Assignment[],
): Failure {
  const needed = missing.map((key) => nameOf(key)).join(', ');
  const lines = [
    ...(missing.length === 0 ? [] : [`without a terminal there is nobody to ask; what is missing: ${needed}`]),
    ...wrong.map(({ key, reason }) => (key === null ? reason : `${optionWords[key].option ?? 'SITE'} ${reason}`)),
  ];
  return {
    kind: 'usage',
    message: lines.join('\n  '),
    hint: `${exampleCommand(said, missing, wrong)}${keptSettings(settings, wrong)}`,
  };
}

/** The option that says a profile's key; null: none does. */
export function initKeyOf(profileKey: string): InitKey | null {
  const keys = Object.keys(profilePaths) as InitKey[];
  return keys.find((key) => profileKey === profilePaths[key].join('.')) ?? null;
}

function nameOf(key: InitKey): string {
  const { option, value } = optionWords[key];
  return option === null ? value : `${option} ${value}`;
}

/** The command as it was typed, with examples for what it lacks. */
function exampleCommand(said: Said, missing: readonly InitKey[], wrong: readonly WrongOption[]): string {
  const keys = Object.keys(optionWords) as InitKey[];
  const words = keys.flatMap((key) => {
    const { option, example } = optionWords[key];
    const isWanting = missing.includes(key) || wrong.some((one) => one.key === key);
    const text = isWanting ? example : said[key];
    if (text === undefined || text === '') return [];
    const values = key === 'owners' ? text.split(/[\s,]+/) : [text];
    return values.flatMap((value) => (option === null ? [shellWord(value)] : [option, shellWord(value)]));
  });
  return `glidein init ${words.join(' ')}`;
}

/** As they were given; none where one of them is wrong, since nobody knows what it should be. */
function keptSettings(settings: readonly Assignment[], wrong: readonly WrongOption[]): string {
  if (wrong.some(({ key }) => key === null)) return '';
  return settings
    .map(
      ({ path, value }) =>
        ` --set ${quote(`${path.join('.')}=${typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null')}`)}`,
    )
    .join('');
}

/** A leading `~` is left to the shell, as people type it. */
function shellWord(text: string): string {
  return text.startsWith('~/') ? `~/${quote(text.slice(2))}` : quote(text);
}
