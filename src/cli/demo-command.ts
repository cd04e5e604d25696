import { Option } from 'commander';
import type { Adder } from './command-adder.ts';

/** `demo`: a first look at all of it. */
export function addDemo(program: Adder): void {
  program.add(
    'demo',
    'show all of this on a stand-in cluster inside this program; needs no cluster, touches nothing of yours',
    (_args, flags: { scheduler: string }) => async (world) => {
      const { runDemo } = await import('../commands/demo.ts');
      const { demoOutcome, storyTeller } = await import('./demo-outcome.ts');
      return demoOutcome(await runDemo(flags, storyTeller(world.screen), world.context));
    },
    [new Option('--scheduler <kind>', 'whose commands the stand-in answers to').default('slurm')],
  );
}
