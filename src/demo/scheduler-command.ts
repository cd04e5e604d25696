import type { BatchSystem, Ending, EndSignal, Job } from './batch-system.ts';
import type { Faults, FaultyCommand } from './faults.ts';

/** One call of a scheduler's command, and what is said back. */
export interface CommandCall {
  /** `sbatch`, `squeue`… */
  program: string;
  args: readonly string[];
  environment: Readonly<Record<string, string>>;
  directory: string;
  /** All of the caller's standard input. Nothing is read unless this is called. */
  readStdin(): Promise<string>;
}

export interface Answer {
  stdout: string;
  stderr: string;
  code: number;
}

/** A scheduler's commands over a batch system. */
export interface SchedulerCommands {
  /** The names of its programs. */
  programs: readonly string[];
  /** null: there is no answer, and never will be. */
  answer(call: CommandCall): Promise<Answer | null>;
}

/** The name of the cluster, and of what serves it: a part of every id of PBS. */
export const clusterName = 'stand-in';

/** A kind of scheduler that the stand-in can be. */
export interface SpokenScheduler {
  /** As people call it. */
  title: string;
  commands(ground: CommandGround): SchedulerCommands;
  /** The id of a job, as this scheduler writes it. */
  jobId(job: Job): string;
  /** What a person types who wants to see the own jobs: a program and its words. */
  queueCommand: readonly [program: string, ...words: string[]];
  /** What begins a line of the script that is meant for it. */
  directive: string;
  /** It has no word for a whole node: who wants all cores of one says how many. */
  countsCores: boolean;
  /** Tasks of an array that are set apart take a number of their own. */
  numbersTasks: boolean;
  /** The signals that end a job that runs, one after the other. */
  endSignals(ending: Ending): readonly EndSignal[];
}

/** One program of a scheduler. */
export interface Command {
  kind(call: CommandCall): FaultyCommand;
  /** null: there is no answer, and never will be. */
  run(call: CommandCall, ground: CommandGround): Answer | null | Promise<Answer | null>;
  /** What it says when nothing listens to it; null: nothing, for ever. */
  down(call: CommandCall): Answer | null;
}

/** These programs, by name, with what can go wrong with any of them. */
export function commandsOf(programs: Readonly<Record<string, Command>>, ground: CommandGround): SchedulerCommands {
  const { faults } = ground;
  return {
    programs: Object.keys(programs),
    async answer(call) {
      const command = programs[call.program];
      if (command === undefined) return refused(`${call.program}: command not found`, 127);
      const kind = command.kind(call);
      if (faults.take('hang', (which) => which === 'everything' || which === kind) !== null) return null;
      const answer = faults.take('down') !== null ? command.down(call) : await command.run(call, ground);
      return answer === null ? null : disturbed(answer, faults);
    },
  };
}

function disturbed(answer: Answer, faults: Faults): Answer {
  const noise = faults.take('noise') ?? '';
  const warning = faults.take('warning') ?? '';
  return { ...answer, stdout: noise + answer.stdout, stderr: warning + answer.stderr };
}

/** What is left of a listing's jobs, where it is to lose some of them. */
export function jobsLeft<Shown>(shown: readonly Shown[], faults: Faults): readonly Shown[] {
  const something = () => shown.length > 0;
  if (faults.take('listNothing', something) !== null) return [];
  return faults.take('listHalf', something) === null ? shown : shown.slice(0, Math.ceil(shown.length / 2));
}

/** What is left of a listing's text, where it is to be cut. */
export function textLeft(text: string, faults: Faults): string {
  return faults.take('listCut', () => text !== '') === null ? text : text.slice(0, Math.min(30, text.length - 1));
}

/** What a scheduler's commands speak about. */
export interface CommandGround {
  system: BatchSystem;
  faults: Faults;
  /** The one user there is. */
  user: { name: string; uid: number };
  hasAccounting: boolean;
}

export function said(stdout: string): Answer {
  return { stdout, stderr: '', code: 0 };
}

export function refused(stderr: string, code = 1): Answer {
  return { stdout: '', stderr: `${stderr}\n`, code };
}
