import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import { quote } from '../shell.ts';
import type { Transport } from '../transports/transport.ts';
import { lastWords, plainLine } from './builder-words.ts';
import { type BuildThere, buildProgram, type PlaceThere, readBuilding } from './building-program.ts';
import { type FarSide, startFarSide } from './far-side.ts';
import { readingSeconds, StallWatch, stallSeconds } from './stall-watch.ts';

/** Builds an image on the login host, over a channel of its own, with the container runtime that is there. */
export interface BuildOnHost extends BuildThere {
  site: string;
  /** What it is called, and from what it is built, for messages. */
  name: string;
  source: string;
  /** Lines of shell that come first. They go over stdin: anybody there can read a command line. */
  preparation: string;
  /** Which of these has the room; says no for itself. */
  choose(places: readonly PlaceThere[]): Result<PlaceThere>;
}

export interface BuiltOnHost {
  sha256: string;
  bytes: number;
  /** The runtime's version, as it says it. */
  version: string;
}

/** The runtime's start may take that long on a busy host with a slow file system. */
const startSeconds = 120;

/**
 * Builds it; it is there whole, as `SHA256.sif`, or not at all. Whoever interrupts it, or loses the connection, leaves nothing:
 * the program there finds out within seconds.
 */
export async function buildOnHost(
  transport: Transport,
  order: BuildOnHost,
  context: Context,
): Promise<Result<BuiltOnHost>> {
  const watch = new StallWatch();
  try {
    const signal = AbortSignal.any([context.signal, watch.signal]);
    watch.allow(startSeconds);
    const started = await startFarSide(transport, { command: (mark) => buildProgram(order, mark), signal });
    if (!started.ok) return watch.signal.aborted ? failed(stalled(order, watch)) : started;
    return await converse(started.value, order, watch, context);
  } finally {
    watch.end();
  }
}

async function converse(
  far: FarSide,
  order: BuildOnHost,
  watch: StallWatch,
  context: Context,
): Promise<Result<BuiltOnHost>> {
  far.onSaid = (line) => hear(line, order, watch, context);
  await far.untilReady(['ready']);
  far.begin();
  far.send(`${Buffer.from(order.preparation).toString('base64')}\n`);
  await far.untilSaid((said) => said.includes('choose'));
  const { places } = readBuilding(far.said);
  if (far.said.includes('choose')) {
    const place = order.choose(places);
    if (!place.ok) return place;
    far.send(`${place.value.key}\n`);
  }
  await far.untilSaid((said) => readBuilding(said.slice(-2)).built !== null);
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const { built, runtime } = readBuilding(far.said);
  if (built !== null) return ok({ ...built, version: (runtime ?? '').replace(' version ', ' ') });
  return failed(watch.signal.aborted ? stalled(order, watch) : await whatFailed(far, order));
}

function hear(line: string, { site }: BuildOnHost, watch: StallWatch, context: Context): void {
  const reading = /^reading (\d+)$/.exec(line)?.[1];
  watch.allow(reading === undefined ? stallSeconds : readingSeconds(Number(reading)));
  const said = plainLine(/^line (.*)$/.exec(line)?.[1] ?? '');
  const detail = reading === undefined ? said : 'reading it for its digest';
  if (detail) context.emit({ kind: 'step', site, step: 'build', detail });
}

/** Whether it looks as if the host killed it, or lets nobody do so: what is ended by a signal, or for want of memory or time. */
function isForbidden({ code, log }: { code: number; log: string }): boolean {
  return (code > 128 && code !== 255) || forbiddingWords.test(log);
}

const forbiddingWords =
  /\bkilled\b|signal: (?:killed|terminated)|cpu time limit|cannot allocate memory|out of memory|operation not permitted|user namespace|not (?:allowed|permitted) on (?:the )?(?:login|head)/i;

async function whatFailed(far: FarSide, { site, name, source, directory }: BuildOnHost): Promise<Failure> {
  await far.untilOver();
  const inBatch = `glidein image build --on ${site} --batch --source ${quote(source)}   (a batch job builds)`;
  const { failed: end, hasNoRuntime } = readBuilding(far.said);
  if (end !== null)
    return {
      kind: 'build-failed',
      site,
      name,
      source,
      said: lastWords(end.log.split(/[\r\n]+/)) || `it ended with ${end.code}`,
      ...(isForbidden(end) ? { hint: inBatch } : {}),
    };
  if (hasNoRuntime) {
    const what = 'there is neither apptainer nor singularity on the login host';
    const hint = `glidein site set ${site} pilot.runtime=/path/to/apptainer   (or pilot.modules, or connection.prologue); where the nodes alone have it: ${inBatch}`;
    return { kind: 'login-host-unusable', site, what, said: '', hint };
  }
  if (far.exit?.kind === 'lost') {
    return { kind: 'connection-lost', site, step: `building ${name}`, reason: far.exit.reason };
  }
  if (far.exit?.kind === 'signalled' || (far.exit?.kind === 'exited' && far.exit.code > 128)) {
    const what = `what was to build ${name} was killed on the login host; what it left is removed by a build a day later`;
    return { kind: 'login-host-unusable', site, what, said: '', hint: inBatch };
  }
  const what = `an image cannot be built in ${directory} (is the disk or the quota full?)`;
  return { kind: 'login-host-unusable', site, what, said: far.complaints.trim().slice(-400) };
}

function stalled({ site, name }: BuildOnHost, { seconds }: StallWatch): Failure {
  return { kind: 'timed-out', site, step: `building ${name}`, seconds };
}
