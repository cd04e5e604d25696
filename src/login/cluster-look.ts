import { randomBytes } from 'node:crypto';
import type { Context, Step } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import type { SchedulerKind } from '../schedulers/index.ts';
import type { Transport } from '../transports/transport.ts';
import {
  type ClusterFacts,
  clusterFacts,
  clusterProgram,
  clusterSeconds,
  defaultsOf,
  kindsFor,
  kindsIn,
  queuesProgram,
} from './cluster-facts.ts';
import * as programs from './remote-programs.ts';
import { graceSeconds } from './session-opening.ts';
import { openShellSession, type Program, type ShellSession } from './shell-session.ts';

/** A look at a cluster for which there is no profile yet, in one session. */

export interface ClusterSettings {
  site: string;
  loginShell: boolean;
  prologue: readonly string[];
  /** Only named for the programs of a session: nothing is made or read there. */
  directories: programs.RemoteDirectories;
  timeouts: { connectSeconds: number; listSeconds: number };
  /** The batch system that is meant; null: whichever is there. */
  scheduler: SchedulerKind | null;
}

/** What there is. Changes nothing there. */
export async function lookAtCluster(
  transport: Transport,
  settings: ClusterSettings,
  context: Context,
): Promise<Result<ClusterFacts>> {
  const { site, loginShell, timeouts } = settings;
  tell('hello', site, context);
  const options = { site, loginShell, readySeconds: timeouts.connectSeconds };
  const opened = await openShellSession(transport, options, [], context);
  if (!opened.ok) return opened;
  await using session = opened.value.session;
  // Awaited here: the session ends when this returns.
  return await factsIn(session, settings, context);
}

async function factsIn(
  session: ShellSession,
  settings: ClusterSettings,
  context: Context,
): Promise<Result<ClusterFacts>> {
  const { site, scheduler, timeouts } = settings;
  const sought = kindsFor(scheduler);
  const mark = randomBytes(9).toString('hex');
  const parts = async (program: Omit<Program, 'runsIn'>) => {
    const ran = await session.run(program);
    return ran.ok ? ok(programs.readParts(ran.value, mark)) : ran;
  };
  for (const text of preparations(settings, sought, mark)) {
    const ran = await session.run({ text, purpose: 'preparing the session', timeoutSeconds: 60, runsIn: 'session' });
    if (!ran.ok) return ran;
  }
  tell('discover', site, context);
  const purpose = 'looking at the cluster';
  const first = await parts({ text: clusterProgram(sought), purpose, timeoutSeconds: clusterSeconds + graceSeconds });
  if (!first.ok) return first;
  const found = kindsIn(first.value, sought);
  const text = queuesProgram(found, timeouts.listSeconds);
  const timeoutSeconds = found.length * timeouts.listSeconds + graceSeconds;
  const queues = found.length === 0 ? first : await parts({ text, purpose: 'asking for the queues', timeoutSeconds });
  return queues.ok ? ok(clusterFacts(first.value, queues.value, found)) : queues;
}

function preparations(settings: ClusterSettings, sought: readonly SchedulerKind[], mark: string): string[] {
  const { prologue, directories } = settings;
  const options = { mark, looksOnly: true, judgesDirectories: false };
  const prepare = programs.prepare(directories, defaultsOf(sought), options);
  return prologue.length === 0 ? [prepare] : [programs.prologue(prologue), prepare];
}

function tell(step: Step, site: string, context: Context): void {
  context.emit({ kind: 'step', site, step });
}
