import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { failed, ok, type Result } from '../failure.ts';
import type { Job } from './batch-system.ts';
import { type Desk, siteName } from './desk.ts';
import type { StandIn } from './stand-in.ts';

/** The story that `glidein demo` tells: each command is really run, and what it printed is shown. */
export interface Tour {
  standIn: StandIn;
  desk: Desk;
  /** The file that Node runs as `glidein`. */
  program: string;
  /** Shows a piece of the story; whole lines. */
  say(text: string): void;
  /** Stops between two pieces, so that a person can follow. */
  isPaced: boolean;
  signal: AbortSignal;
}

/** One command of the story. */
export interface TourStep {
  /** Without the `glidein`. */
  args: readonly string[];
  exitCode: number;
  seconds: number;
}

/** How many pilots the site of the story is to have. */
export const tourTarget = 3;

/** Tells the whole story, up to the last command. */
export async function runTour(tour: Tour): Promise<Result<TourStep[]>> {
  writeFileSync(join(tour.standIn.home, 'ospool-ep.sif'), 'the image of a stand-in pilot\n', { mode: 0o644 });
  const steps: TourStep[] = [];
  for (const chapter of chapters) {
    const told = await tellChapter(chapter, tour, steps);
    if (!told.ok) return told;
  }
  return ok(steps);
}

interface Chapter {
  title: string;
  /** Why, in a sentence or two. */
  why: string;
  scenes: readonly Scene[];
}

type Scene =
  /** A command of glidein; `excerpt` says what of its output is shown. */
  | { kind: 'command'; args: readonly string[]; excerpt?: (text: string, tour: Tour) => string }
  | { kind: 'say'; text: string }
  /** Something else that happens; what it gives is said. */
  | { kind: 'happens'; what(tour: Tour): Promise<string> };

const command = (...args: string[]): Scene => ({ kind: 'command', args });

const chapters: readonly Chapter[] = [
  {
    title: 'A site is one file',
    why: 'It says where pilots run, whose jobs they take, and how many of them there should be.',
    scenes: [
      { kind: 'happens', what: async ({ desk }) => `$ cat campus.json\n${desk.profile.trimEnd()}` },
      command('site', 'import', 'campus.json'),
    ],
  },
  {
    title: 'See the job before it is sent',
    why: 'This opens no connection. `start_expression` is the limit: only jobs of these owners may run on\n   the pilot. A guard in the container compares it, and starts no pilot where it differs.',
    scenes: [{ kind: 'command', args: ['render', siteName], excerpt: excerptOfScript }],
  },
  {
    title: 'Bring the site to its target',
    why: 'One pass looks, submits what is missing, and ends. This line is all that cron needs.',
    scenes: [
      command('top-up', siteName),
      { kind: 'happens', what: async (tour) => untilRunning(tour) },
      { kind: 'happens', what: async (tour) => queueAsTheSystemShowsIt(tour) },
      { kind: 'say', text: 'A second pass finds nothing to do:' },
      command('top-up', siteName),
      command('status', siteName),
    ],
  },
  {
    title: 'A node dies',
    why: 'Its pilot is gone without a word. The next pass finds out, and replaces that one and no other.',
    scenes: [
      { kind: 'happens', what: async (tour) => loseOneNode(tour) },
      command('top-up', siteName),
      { kind: 'happens', what: async (tour) => untilRunning(tour) },
      command('status', siteName),
    ],
  },
  {
    title: 'Clean up',
    why: '`cancel` ends pilots at once. The target goes to 0 first, or the next pass would start new ones.',
    scenes: [
      command('site', 'set', siteName, 'target=0'),
      command('cancel', siteName, '--all'),
      { kind: 'happens', what: async (tour) => untilOver(tour) },
      command('status', siteName),
      { kind: 'say', text: 'What the newest pilot said:' },
      command('logs', siteName),
    ],
  },
];

async function tellChapter(chapter: Chapter, tour: Tour, steps: TourStep[]): Promise<Result<void>> {
  tour.say(`\n${chapters.indexOf(chapter) + 1}. ${chapter.title}\n   ${chapter.why}\n`);
  await pause(tour, 600);
  for (const scene of chapter.scenes) {
    if (tour.signal.aborted) return failed({ kind: 'interrupted' });
    const shown = await showScene(scene, tour, steps);
    if (!shown.ok) return shown;
    await pause(tour, 250);
  }
  return ok(undefined);
}

async function showScene(scene: Scene, tour: Tour, steps: TourStep[]): Promise<Result<void>> {
  if (scene.kind === 'say') tour.say(indented(`# ${scene.text}`));
  if (scene.kind === 'happens') {
    const text = await scene.what(tour);
    if (text !== '') tour.say(indented(text));
  }
  return scene.kind === 'command' ? showCommand(scene, tour, steps) : ok(undefined);
}

async function showCommand(
  { args, excerpt }: Extract<Scene, { kind: 'command' }>,
  tour: Tour,
  steps: TourStep[],
): Promise<Result<void>> {
  tour.say(indented(`$ glidein ${args.join(' ')}`));
  const ran = await runCommand(args, tour);
  if (tour.signal.aborted) return failed({ kind: 'interrupted' });
  steps.push({ args, exitCode: ran.code, seconds: ran.seconds });
  const shown = excerpt === undefined ? ran.both : excerpt(ran.stdout, tour) + ran.stderr;
  tour.say(indented(shown.trimEnd()));
  if (ran.code === 0) return ok(undefined);
  const reason = `\`glidein ${args.join(' ')}\` ended with ${ran.code} on the stand-in: ${ran.stderr.trim()}`;
  return failed({ kind: 'demo-impossible', reason, hint: 'Please report this, with the lines above.' });
}

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
  /** Both streams, in the order in which they came. */
  both: string;
  seconds: number;
}

function runCommand(args: readonly string[], { desk, program, signal }: Tour): Promise<Ran> {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { cwd: desk.home, env: desk.environment, stdio: 'pipe' });
    const texts = { stdout: '', stderr: '', both: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (chunk: string) => {
        texts[name] += chunk;
        texts.both += chunk;
      });
    }
    child.stdin.end();
    const stop = () => child.kill('SIGINT');
    signal.addEventListener('abort', stop, { once: true });
    const finish = (code: number) => {
      signal.removeEventListener('abort', stop);
      resolve({ ...texts, code, seconds: Math.round(performance.now() - began) / 1000 });
    };
    child.on('error', () => finish(127));
    child.on('close', (code) => finish(code ?? 130));
  });
}

/** The directives, the limit, and what holds it in the container; how much is left out in between. */
function excerptOfScript(script: string, { standIn: { scheduler } }: Tour): string {
  const lines = script.trimEnd().split('\n');
  const guard = lines.findIndex((line) => line.includes('"x$expected"'));
  const isShown = (line: string, at: number) =>
    at === 0 ||
    line.startsWith(scheduler.directive) ||
    line.startsWith('start_expression=') ||
    (guard > 0 && at >= guard && at <= guard + 2);
  const shown: string[] = [];
  let leftOut = 0;
  for (const [at, line] of [...lines, ''].entries()) {
    if (at < lines.length && !isShown(line, at)) {
      leftOut += 1;
      continue;
    }
    if (leftOut > 0) shown.push(`[${leftOut} lines left out]`);
    leftOut = 0;
    shown.push(line);
  }
  return shown.join('\n');
}

/** Waits, but not for ever: what is shown next tells the truth in any case. */
async function until(condition: () => boolean, { signal }: Tour, seconds = 5): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; ) {
    if (signal.aborted || condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

function running({ standIn }: Tour): Job[] {
  return standIn.system.jobs().filter((job) => job.state === 'running');
}

async function untilRunning(tour: Tour): Promise<string> {
  await until(() => running(tour).length >= tourTarget, tour);
  return '';
}

async function queueAsTheSystemShowsIt({ standIn: { scheduler, environment } }: Tour): Promise<string> {
  const [program, ...words] = scheduler.queueCommand;
  const { stdout } = await promisify(execFile)(program, words, { env: environment });
  const typed = scheduler.queueCommand.join(' ');
  return `# The same, as ${scheduler.title} shows it on the login node:\nlogin.campus$ ${typed}\n${stdout.trimEnd()}`;
}

async function untilOver(tour: Tour): Promise<string> {
  await until(() => tour.standIn.system.alive().length === 0, tour, 10);
  return '';
}

async function loseOneNode(tour: Tour): Promise<string> {
  const victim = running(tour)[1];
  if (victim?.node === undefined || victim.node === null) return '';
  tour.standIn.system.loseNode(victim.node);
  return `# ${victim.node} loses its power: pilot ${tour.standIn.scheduler.jobId(victim)} is killed`;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '   ');
}

async function pause({ isPaced, signal }: Tour, milliseconds: number): Promise<void> {
  if (!isPaced || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
