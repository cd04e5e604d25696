import type { Command, Option } from 'commander';
import { examples } from './examples.ts';
import type { GlobalOptions, Request, Run } from './request.ts';

/** How commands get into the grammar: with the global options, their examples, and an action that only asks for a run. */

/** Adds what every command accepts, before or after its name. */
export function withGlobals(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on stdout')
    .option('-q, --quiet', 'speak only when something changed or needs you')
    .option('-v, --verbose', 'say each step on stderr')
    .option('--config-dir <dir>', 'keep profiles, templates, history below this directory (or GLIDEIN_CONFIG_DIR)');
}

/** Adds commands whose action is to ask for a run. */
export class Adder {
  private readonly program: Command;
  private readonly take: (request: Request) => void;

  constructor(program: Command, take: (request: Request) => void) {
    this.program = program;
    this.take = take;
  }

  /** A command that has commands below it, such as `site`. */
  group(name: string, description: string): Adder {
    const group = withGlobals(this.program.command(name).description(description));
    return new Adder(group, this.take);
  }

  /** `run` is given the positional arguments and the command's own flags. */
  add<Flags>(
    usage: string,
    description: string,
    run: (args: string[], flags: Flags) => Run,
    flags: readonly Option[] = [],
  ): void {
    const command = withGlobals(this.program.command(usage).description(description));
    for (const flag of flags) command.addOption(flag);
    const typed = examples[[...pathOf(this.program), command.name()].join(' ')];
    if (typed !== undefined) command.addHelpText('after', `\nExamples:\n${typed.map((one) => `  ${one}`).join('\n')}`);
    command.action(() => {
      const options = command.optsWithGlobals<GlobalOptions & Flags>();
      this.take({
        options,
        run: run(
          command.processedArgs.flat().filter((arg) => arg !== undefined),
          options,
        ),
      });
    });
  }
}

/** The names that lead to a group; none for the program itself. */
function pathOf(command: Command): string[] {
  return command.parent === null ? [] : [...pathOf(command.parent), command.name()];
}
