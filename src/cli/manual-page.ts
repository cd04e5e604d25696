import type { CommandEntry, OptionEntry } from './command-tree.ts';
import { examples } from './examples.ts';

/** The manual page `glidein(1)`, made from the command definitions. */
export function manualPage(tree: readonly CommandEntry[], { version, day }: { version: string; day: string }): string {
  const [program, ...commands] = tree;
  if (program === undefined) return '';
  return [
    `.TH GLIDEIN 1 ${quoted(day)} ${quoted(`glidein ${version}`)} ${quoted('User Commands')}`,
    '.SH NAME',
    'glidein \\- your own slots in an HTCondor pool, on somebody else\\(aqs cluster',
    '.SH SYNOPSIS',
    '.B glidein',
    '.RI [ option .\\|.\\|.\\&]',
    '.I command',
    '.RI [ argument .\\|.\\|.\\&]',
    '.SH DESCRIPTION',
    text(program.description),
    'It renders whole-node batch jobs that run the OSG pilot container, submits them over SSH, and keeps as many of them alive as asked for.',
    '.SH OPTIONS',
    'These are taken before and after any command.',
    ...program.options.flatMap(optionLines),
    '.SH COMMANDS',
    ...commands.filter(({ commands: below }) => below.length === 0).flatMap(commandLines),
    ...fixedSections,
    '',
  ].join('\n');
}

function commandLines({ path, usage, description, options }: CommandEntry): string[] {
  return [
    `.SS ${quoted(`glidein ${path}${usage === '' ? '' : ` ${usage}`}`)}`,
    text(`${sentence(description)}`),
    ...options.filter(({ isEverywhere }) => !isEverywhere).flatMap(optionLines),
    ...(examples[path] ?? []).flatMap((one, at) => [...(at === 0 ? ['.PP', '.EX'] : []), text(one)]),
    ...(examples[path] === undefined ? [] : ['.EE']),
  ];
}

function optionLines({ flags, description, choices }: OptionEntry): string[] {
  const words = choices.length === 0 ? description : `${description} (${choices.join(', ')})`;
  return ['.TP', `.B ${text(flags)}`, text(sentence(words))];
}

function sentence(words: string): string {
  return `${words.slice(0, 1).toUpperCase()}${words.slice(1)}.`;
}

/** Text that troff prints as it is: no escape, no request, and dashes that can be typed again. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^\./, '\\&.')
    .replace(/[^\x20-\x7e]/gu, (one) => `\\[u${one.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`);
}

function quoted(words: string): string {
  return `"${text(words).replaceAll('"', '\\(dq')}"`;
}

const exits: readonly [string, string][] = [
  ['0', 'done, at the target, or below it only by the profile’s own limits'],
  ['1', 'the scheduler refused some or all'],
  ['2', 'usage, profile, template, token or image: somebody has to change something'],
  ['3', 'unreachable, busy, not read whole, or in doubt: try again later'],
  ['4', 'paused, by the brake on pilots that die or by the budget'],
  ['70', 'a bug'],
  ['130', 'interrupted'],
];

const places: readonly [string, string][] = [
  ['~/.config/glidein/sites/NAME.json', 'the profile of a site ($XDG_CONFIG_HOME is honoured)'],
  ['~/.config/glidein/templates/', 'job templates of your own'],
  ['~/.local/share/glidein/history/', 'what passes found and did ($XDG_DATA_HOME is honoured)'],
  ['~/.glidein/NAME/', 'on the login host: journal, marks, logs, scripts'],
];

const variables: readonly [string, string][] = [
  ['GLIDEIN_CONFIG_DIR', 'the same as --config-dir'],
  ['NO_COLOR', 'no colours, whatever the terminal'],
];

function listed(items: readonly [string, string][]): string[] {
  return items.flatMap(([name, meaning]) => ['.TP', `.B ${text(name)}`, text(sentence(meaning))]);
}

const fixedSections = [
  ...['.SH EXIT STATUS', ...listed(exits)],
  ...['.SH FILES', ...listed(places)],
  ...['.SH ENVIRONMENT', ...listed(variables)],
  ...['.SH SEE ALSO', '.BR ssh (1),', '.BR crontab (1),', '.BR condor_q (1)'],
];
