import type { Command, Option } from 'commander';

/** The command line's grammar as plain values: what completions and the manual page are made of. */
export interface CommandEntry {
  /** `site set`; empty for the program itself. */
  path: string;
  description: string;
  /** As it is typed: `<site> [ids...]`. */
  usage: string;
  /** The names of commands below it, with what they do. */
  commands: readonly { name: string; description: string }[];
  options: readonly OptionEntry[];
  /** What its arguments are, in their order; the last one goes on for ever where it is variadic. */
  takes: readonly ('site' | 'file' | 'shell' | 'other')[];
  isVariadic: boolean;
}

export interface OptionEntry {
  /** `-n, --count <N>` */
  flags: string;
  /** The names that can be typed. */
  names: readonly string[];
  description: string;
  takesValue: boolean;
  choices: readonly string[];
  /** Its value is a file or a directory. */
  isPath: boolean;
  isEverywhere: boolean;
}

/** All commands, the program itself first, each before those below it. */
export function commandTree(program: Command): CommandEntry[] {
  const everywhere = new Set(program.options.map(({ flags }) => flags));
  const below = (command: Command, path: string): CommandEntry[] => [
    entryOf(command, path, everywhere),
    ...command.commands.flatMap((one) => below(one, `${path} ${one.name()}`.trim())),
  ];
  return below(program, '');
}

function entryOf(command: Command, path: string, everywhere: ReadonlySet<string>): CommandEntry {
  const args = command.registeredArguments;
  return {
    ...{ path, description: command.description() },
    usage: args.map((arg) => argumentWords(arg.name(), arg)).join(' '),
    commands: command.commands.map((one) => ({ name: one.name(), description: one.description() })),
    options: command.options.map((option) => optionEntry(option, everywhere)),
    takes: args.map((arg) => kinds[arg.name()] ?? 'other'),
    isVariadic: args.at(-1)?.variadic ?? false,
  };
}

const kinds: Readonly<Partial<Record<string, CommandEntry['takes'][number]>>> = {
  site: 'site',
  sites: 'site',
  file: 'file',
  shell: 'shell',
};

function argumentWords(name: string, { required, variadic }: { required: boolean; variadic: boolean }): string {
  const words = variadic ? `${name}...` : name;
  return required ? `<${words}>` : `[${words}]`;
}

function optionEntry(option: Option, everywhere: ReadonlySet<string>): OptionEntry {
  const { flags, description, short, long, argChoices, required } = option;
  return {
    ...{ flags, description, names: [short, long].filter((name) => typeof name === 'string') },
    ...{ takesValue: required, choices: argChoices ?? [], isPath: /<(?:dir|file)>/.test(flags) },
    isEverywhere: everywhere.has(flags),
  };
}
