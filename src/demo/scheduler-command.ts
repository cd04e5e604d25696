import type { BatchSystem } from './batch-system.ts';
import type { Faults } from './faults.ts';

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
