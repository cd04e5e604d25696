import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Context } from '../context.ts';
import { setUpDesk } from '../demo/desk.ts';
import { type SpokenKind, spokenSchedulers } from '../demo/spoken-schedulers.ts';
import { type StandIn, startStandIn } from '../demo/stand-in.ts';
import { runTour, type TourStep, tourTarget } from '../demo/tour.ts';
import { failed, ok, type Result } from '../failure.ts';

/** What the demo did. */
export interface DemoReport {
  steps: readonly TourStep[];
  /** From the first word to the last, with everything removed. */
  seconds: number;
}

/** What the demo is to be. */
export interface DemoOptions {
  /** Whose commands the stand-in answers to. */
  scheduler: string;
}

/** Shows the program on a stand-in cluster that it starts, and removes, itself. Nothing of the user's is touched. */
export async function runDemo(
  options: DemoOptions,
  said: (text: string) => void,
  context: Context,
): Promise<Result<DemoReport>> {
  const began = context.now();
  const { scheduler } = options;
  if (!isSpoken(scheduler)) return unknownScheduler(scheduler);
  const interrupt = hangUpToo(context.signal);
  const started = await startStandIn({ scheduler, login: true, hasAccounting: true });
  if (!started.ok) {
    interrupt.forget();
    return started;
  }
  const standIn = started.value;
  // A second Ctrl-C does not wait for an orderly end.
  const abandon = () => standIn.abandon();
  process.once('exit', abandon);
  const steps = await tellAndEnd({ standIn, kind: scheduler }, said, interrupt.signal, context);
  process.off('exit', abandon);
  interrupt.forget();
  if (interrupt.signal.aborted) return failed({ kind: 'interrupted' });
  if (!steps.ok) return steps;
  said(lastWords);
  return ok({ steps: steps.value, seconds: (context.now() - began) / 1000 });
}

function isSpoken(scheduler: string): scheduler is SpokenKind {
  return Object.hasOwn(spokenSchedulers, scheduler);
}

function unknownScheduler(scheduler: string): Result<never> {
  const known = Object.keys(spokenSchedulers).join(', ');
  const message = `the stand-in speaks ${known}, and not ${scheduler}`;
  return failed({ kind: 'usage', message, hint: 'glidein demo --scheduler slurm' });
}

interface Stage {
  standIn: StandIn;
  kind: SpokenKind;
}

async function tellAndEnd(
  stage: Stage,
  said: (text: string) => void,
  signal: AbortSignal,
  context: Context,
): Promise<Result<TourStep[]>> {
  try {
    return await tell(stage, said, signal, context);
  } finally {
    await stage.standIn[Symbol.asyncDispose]();
  }
}

async function tell(
  { standIn, kind }: Stage,
  said: (text: string) => void,
  signal: AbortSignal,
  context: Context,
): Promise<Result<TourStep[]>> {
  const { loginNode, system } = standIn;
  const { coresPerNode } = system.cluster;
  if (loginNode === null) throw new Error('the stand-in was started with a login node');
  said(firstWords(standIn));
  const home = join(standIn.directory, 'desk');
  const desk = setUpDesk({ ...loginNode, home, target: tourTarget, kind, coresPerNode });
  const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));
  const isPaced = context.ask !== null && process.stdout.isTTY === true;
  return runTour({ standIn, desk, program, say: said, isPaced, signal });
}

/** A closed terminal ends the demo as Ctrl-C does: nothing may be left running. */
function hangUpToo(signal: AbortSignal): { signal: AbortSignal; forget(): void } {
  const hangUp = new AbortController();
  const listener = () => hangUp.abort();
  process.once('SIGHUP', listener);
  return {
    signal: AbortSignal.any([signal, hangUp.signal]),
    forget: () => void process.off('SIGHUP', listener),
  };
}

function firstWords({ directory, substitutes, scheduler }: StandIn): string {
  const replaced =
    substitutes.length === 0 ? '' : `\nThis machine lacks ${substitutes.join(', ')}: the stand-in brings its own.`;
  return `This is a stand-in, not a cluster: an SSH login node on loopback and a batch system of 4 nodes, both
inside this program. It answers to ${scheduler.title}'s commands and really runs the job scripts. The container
in them is a stand-in too: no pilot joins a pool, no job of yours runs. Nothing of yours is read or
changed; everything is in ${directory}
and goes away at the end.${replaced}`;
}

const lastWords = `
All of it is stopped and removed.

What is different on a cluster
   - Pilots wait in the queue, for minutes or for days; \`glidein status\` says what they wait for.
   - The container is the OSG pilot. It joins your pool with your token, and your jobs run on the node
     until the wall clock ends or there is no work. What ends is replaced: cron calls
     \`glidein top-up --all\`.
   - Connections break, queues are full, answers get lost. A pass says so, and never submits twice
     for it.

For a site of your own: README.md, "Your first site". In short (\`glidein\` is bin/glidein.js in the
project's directory):
   $ glidein init campus                  looks at your cluster, asks for the rest, writes the profile
   $ glidein check campus                 tries out all that a pilot needs there
   $ glidein render campus
   $ glidein submit campus --dry-run      connects and looks, changes nothing
   $ glidein submit campus                one pilot, now`;
