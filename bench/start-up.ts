import { fileURLToPath } from 'node:url';
import { alternate } from './alternate.ts';
import { glidein, peer } from './program.ts';
import { waitForQuiet } from './quiet.ts';
import { comparison, heading, say } from './report.ts';
import { timed } from './timed-run.ts';

const emptyModule = fileURLToPath(new URL('./empty.mjs', import.meta.url));

/** What it costs to start the program at all: `--version` against a Node that does nothing. */
export async function startUp(program: string, rounds: number): Promise<void> {
  heading('(c) glidein --version against node -e 0');
  await waitForQuiet();
  const { env } = process;
  const bare = peer([process.execPath, '-e', '0'], env);
  const measured = await alternate(
    {
      ours: async () => (await timed(glidein(program, ['--version'], env))).milliseconds,
      peer: async () => (await timed(bare)).milliseconds,
    },
    { rounds, warmUps: 3 },
  );
  comparison({ ours: 'glidein --version', peer: 'node -e 0' }, measured, 1.5);
  const floor = await alternate(
    {
      ours: async () => (await timed(glidein(emptyModule, [], env))).milliseconds,
      peer: async () => (await timed(bare)).milliseconds,
    },
    { rounds, warmUps: 3 },
  );
  say('for comparison, the least that any program of ES modules costs:');
  comparison({ ours: 'node EMPTY.mjs', peer: 'node -e 0' }, floor, null);
}
