import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandClient } from './command-socket.ts';
import { containerRuntime, standInPilot } from './container-runtime.ts';
import { missingPrograms } from './substitutes.ts';

/** What is on the PATH of the login node and of the nodes. */
export interface ProgramPlan {
  /** Is made. */
  directory: string;
  /** Their names: `sbatch`… */
  schedulerPrograms: readonly string[];
  socketPath: string;
  /** A Node that the account can run. */
  node: string;
  bash: string;
  environment: NodeJS.ProcessEnv;
}

/** Writes the program directory. Gives the names of the programs that stand in for some this machine lacks. */
export function writePrograms(plan: ProgramPlan): string[] {
  const { directory, environment } = plan;
  mkdirSync(directory, { mode: 0o755 });
  const client = join(directory, '.client.cjs');
  writeFileSync(client, commandClient);
  const node = shellWord(plan.node);
  for (const name of plan.schedulerPrograms) {
    writeProgram(
      directory,
      name,
      `#!/bin/sh\nexec ${node} ${shellWord(client)} ${shellWord(plan.socketPath)} ${name} "$@"\n`,
    );
  }
  const pilot = join(directory, '.stand-in-pilot');
  writeFileSync(pilot, standInPilot(process.pid), { mode: 0o755 });
  writeProgram(directory, 'apptainer', containerRuntime({ bash: shellWord(plan.bash), pilot }));
  writeProgram(directory, 'df', localDisk);
  const missing = missingPrograms(environment);
  for (const { substitute, own } of missing) {
    writeProgram(directory, substitute.name, substitute.text(own === null ? null : shellWord(own), node));
  }
  return missing.map(({ substitute }) => substitute.name);
}

// The nodes are made up, and so are their disks: this machine's may be small.
const localDisk = `#!/bin/sh
echo 'Filesystem 1024-blocks Used Available Capacity Mounted on'
echo '/dev/stand-in 419430400 4194304 415236096 1% /scratch'
`;

export function writeProgram(directory: string, name: string, text: string): void {
  writeFileSync(join(directory, name), text, { mode: 0o755 });
}

/** One word of a POSIX shell. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A copy of this Node in a directory that another user can reach. */
export function copyOfNode(directory: string): string {
  const copy = join(directory, 'node');
  copyFileSync(process.execPath, copy);
  return copy;
}
