import type { Profile } from '../config/schema.ts';
import type { Mistake, Result } from '../failure.ts';
import { namesIn } from '../login/observation.ts';
import type { Part } from '../login/remote-programs.ts';
import { cannotConnect, lockStatus, type SiteFacts } from '../login/site-facts.ts';
import { inDays } from '../schedulers/queue-fit.ts';
import type { Discovery } from '../schedulers/scheduler.ts';
import {
  broken,
  type CheckStep,
  doubtful,
  fine,
  later,
  type NodeStepName,
  needless,
  type StepName,
  untried,
  type Verdict,
  wrong,
} from './check-steps.ts';
import type { ShippedDistribution } from './distribution.ts';
import { secondsBetween } from './journey.ts';
import { pullingWords } from './pulling-words.ts';
import { misfits } from './queue-knowledge.ts';
import type { ShippedImage, SiteImage } from './site-image.ts';
import { schedulerOf } from './site-scheduler.ts';

/** What was found on a login host, as steps of `check`. Pure. */

/** What is known once the session has ended. */
export interface SeenThere {
  profile: Profile;
  facts: SiteFacts;
  /** What start-up files printed. */
  noise: string;
  /** How long the session took to answer; null: nobody measured it. */
  shellSeconds: number | null;
  /** What the pilots start from, or why that is not known. */
  image: Result<SiteImage>;
  /** What of the CVMFS distribution is to be shipped, or why it cannot be. */
  distribution: Result<ShippedDistribution | null>;
}

type FactStep = Exclude<
  StepName,
  | NodeStepName
  | 'profile'
  | 'token'
  | 'job'
  | 'transport'
  | 'name'
  | 'port'
  | 'host-key'
  | 'login'
  | 'start-up'
  | 'addresses'
>;

/** What each step is judged by, and when it was. */
const partsOf: Readonly<Record<FactStep, readonly string[]>> = {
  shell: ['shell'],
  clock: ['clock'],
  directories: ['directories'],
  space: ['space', 'quota'],
  lock: ['lock'],
  scheduler: ['clients', 'version'],
  listing: ['listing0'],
  queue: ['discover'],
  account: ['discover'],
  cores: ['discover'],
  image: ['image'],
  runtime: ['runtime'],
  cvmfs: [],
  outbound: ['outside'],
};

const factSteps = Object.keys(partsOf) as FactStep[];

/** The steps from the shell on. */
export function judged(seen: SeenThere): CheckStep[] {
  const { facts } = seen;
  if (facts.broken !== null) return factSteps.map((step) => ({ step, ...cutShort(step, facts) }));
  const steps = factSteps.map((step) => ({ step, seconds: secondsOf(step, seen), ...verdicts[step](seen) }));
  return [...steps, { step: 'start-up', seconds: null, ...startUp(seen.noise) }];
}

/** The program did not end: the last part that began is what it ended in. What came before is not told, either. */
function cutShort(step: FactStep, { spans, broken: failure }: SiteFacts): Verdict & { seconds: null } {
  const last = [...spans].filter(([, { endedAt }]) => endedAt === null).map(([name]) => name);
  const at = factSteps.find((one) => partsOf[one].some((part) => last.includes(part))) ?? 'shell';
  return { seconds: null, ...(step === at && failure !== null ? broken(failure) : untried) };
}

function secondsOf(step: FactStep, { facts, shellSeconds }: SeenThere): number | null {
  if (step === 'shell') return shellSeconds;
  const spans = partsOf[step].map((part) => facts.spans.get(part));
  const each = spans.map((span) => secondsBetween(span?.beganAt, span?.endedAt ?? undefined));
  return each.reduce((sum, one) => (one === null ? sum : (sum ?? 0) + one), null);
}

const verdicts: Readonly<Record<FactStep, (seen: SeenThere) => Verdict>> = {
  shell,
  clock,
  directories,
  space,
  lock,
  scheduler,
  listing: (seen) => (hasClients(seen) ? listing(seen) : untried),
  queue: (seen) => (hasClients(seen) ? queue(seen) : untried),
  account: (seen) => (hasClients(seen) ? account(seen) : untried),
  cores: (seen) => (hasClients(seen) ? cores(seen) : untried),
  image,
  runtime,
  cvmfs,
  outbound,
};

function part({ facts }: SeenThere, name: string): Part {
  return facts.parts.get(name) ?? { stdout: '', stderr: 'the answer is cut', code: 137 };
}

/** Words of the site, short enough for a line. */
function quoted(text: string): string {
  return text
    .trim()
    .replaceAll(/\s*\n\s*/g, '; ')
    .slice(0, 300);
}

// ---- The host ----

function shell(seen: SeenThere): Verdict {
  const { stdout, stderr, code } = part(seen, 'shell');
  const missing = stderr.trim();
  if (code !== 0 || missing !== '')
    return later(
      `needed there and not on PATH: ${quoted(missing)}`,
      'Needed there: /bin/sh and coreutils; set PATH in connection.prologue.',
    );
  const name = stdout.trim().replace(/^.*\//, '');
  return fine(seen.profile.connection.loginShell ? `${name} answers, as a login shell` : 'sh answers');
}

function startUp(noise: string): Verdict {
  if (noise === '') return fine('start-up files print nothing');
  const lines = noise.split('\n').length;
  const first = quoted(noise.split('\n', 1)[0] ?? '');
  return doubtful(
    `start-up files print ${lines === 1 ? 'a line' : `${lines} lines`} (${first}); glidein reads past it, scp and sftp may not`,
    'let them print only where there is a terminal: [ -t 1 ] || return',
  );
}

/** Further apart than that, tickets and tokens begin to be refused. */
const mostSkewSeconds = 60;

function clock(seen: SeenThere): Verdict {
  const there = Number(part(seen, 'clock').stdout.trim());
  const here = seen.facts.spans.get('clock')?.endedAt;
  if (!Number.isSafeInteger(there) || there <= 0 || here === null || here === undefined)
    return doubtful(`\`date +%s\` gave no time: ${quoted(part(seen, 'clock').stdout)}`);
  const ahead = Math.round(there - here / 1000);
  if (Math.abs(ahead) <= mostSkewSeconds)
    return fine(Math.abs(ahead) <= 1 ? 'its clock is ours' : `its clock is ${behind(ahead)} ours`);
  return doubtful(
    `its clock is ${behind(ahead)} ours; tokens are judged by the clocks of those who see them`,
    'date -u   (here and there; set the one that is wrong, or tell the site)',
  );
}

function behind(ahead: number): string {
  return `${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'}`;
}

// ---- Its disks ----

function directories(seen: SeenThere): Verdict {
  const { connection, pilot, name } = seen.profile;
  const { code, stderr } = part(seen, 'directories');
  const places = [...new Set([connection.remoteDir, connection.jobDir, pilot.logDir])];
  if (code === 0) return fine(`${places.join(', ')} can be written`);
  return wrong(
    `${places.join(', ')} cannot be made or written: ${quoted(stderr)}`,
    `glidein site set ${name} connection.remoteDir=/another/directory`,
  );
}

/** Below the first a pilot's log may be all that fits; below the second, not even the token. */
const littleMegabytes = 1000;
const leastMegabytes = 10;

function space(seen: SeenThere): Verdict {
  if (part(seen, 'directories').code !== 0) return untried;
  const over = quoted(part(seen, 'quota').stdout);
  const disks = disksIn(part(seen, 'space').stdout);
  const [fullest] = disks.toSorted((one, other) => one.freeMegabytes - other.freeMegabytes);
  const hint = 'make room there, or set connection.remoteDir to another disk';
  if (over !== '') return doubtful(`you are over your quota: ${over}`, hint);
  if (fullest === undefined) return doubtful('`df` did not say how much is free');
  const words = disks.map(({ mount, freeMegabytes }) => `${sizeWords(freeMegabytes)} free on ${mount}`).join(', ');
  if (fullest.freeMegabytes < leastMegabytes) return later(words, hint);
  return fullest.freeMegabytes < littleMegabytes ? doubtful(`only ${words}`, hint) : fine(words);
}

interface Disk {
  mount: string;
  freeMegabytes: number;
}

/** The disks in what `df -Pk` said of each directory, each once. */
export function disksIn(text: string): Disk[] {
  const lines = [...text.matchAll(/ (\d+) +\d+ +(-?\d+) +(?:\d+%|-) +(\/.*)$/gm)];
  const disks = lines.map(([, , free, mount = '']) => ({
    mount,
    freeMegabytes: Math.floor((Number(free) * 1024) / 1e6),
  }));
  return disks.filter(({ mount }, at) => disks.findIndex((other) => other.mount === mount) === at);
}

function sizeWords(megabytes: number): string {
  return megabytes < 1000 ? `${megabytes} MB` : `${(megabytes / 1000).toFixed(1)} GB`;
}

function lock(seen: SeenThere): Verdict {
  if (part(seen, 'directories').code !== 0) return untried;
  const { code, stdout, stderr } = part(seen, 'lock');
  const kind = stdout.trim().split('\n')[0];
  if (code === 0)
    return fine(`a lock is seen by a second process, and let go (${kind === 'flock' ? 'flock' : 'a directory'})`);
  const what =
    code === lockStatus.keepsNobodyOut
      ? 'a lock keeps nobody out: two processes had it'
      : code === lockStatus.notLetGo
        ? 'a lock is not let go when its holder ends'
        : 'a lock cannot be had';
  return wrong(
    `${what} in ${seen.profile.connection.remoteDir}${stderr.trim() === '' ? '' : `: ${quoted(stderr)}`}`,
    `glidein site set ${seen.profile.name} connection.remoteDir=/another/disk/glidein`,
  );
}

// ---- The batch system ----

function missingClients(seen: SeenThere): string[] {
  return part(seen, 'clients')
    .stdout.split('\n')
    .filter((name) => name !== '');
}

function hasClients(seen: SeenThere): boolean {
  return missingClients(seen).length === 0;
}

function scheduler(seen: SeenThere): Verdict {
  const { name, scheduler: wanted } = seen.profile;
  const missing = missingClients(seen);
  if (missing.length > 0)
    return wrong(
      `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not on PATH there`,
      `glidein site set ${name} 'connection.prologue=["module load ${wanted.kind}"]'   (or scheduler.kind, if this is none of ${wanted.kind})`,
    );
  const { stdout, stderr, code } = part(seen, 'version');
  const version = quoted(`${stdout}\n${stderr}`.trim().split('\n')[0] ?? '');
  return fine(
    code === 0 && version !== '' ? version : `${schedulerOf(seen.profile).clients.needed.join(', ')} are there`,
  );
}

function listing({ facts, profile }: SeenThere): Verdict {
  if (!facts.listing.ok) return broken(facts.listing.failure);
  const count = facts.listing.value.filter(({ state }) => state !== 'finished').length;
  return fine(`the queue can be read whole; ${count} ${count === 1 ? 'job' : 'jobs'} of ${profile.name} in it`);
}

function discoveryOf(seen: SeenThere): Discovery {
  return schedulerOf(seen.profile).parseDiscovery(part(seen, 'discover'));
}

/** Of what does not fit, what is told by other steps than `queue`. */
const keysOf = {
  account: ['scheduler.account'],
  cores: ['scheduler.cores', 'scheduler.memoryMB'],
} as const;

function mistakesOf(step: 'queue' | 'account' | 'cores', mistakes: readonly Mistake[]): Mistake[] {
  const elsewhere: readonly string[] = [...keysOf.account, ...keysOf.cores];
  const keys: readonly string[] | null = step === 'queue' ? null : keysOf[step];
  return mistakes.filter(({ key }) => (keys === null ? !elsewhere.includes(key) : keys.includes(key)));
}

/** What does not fit, as a step that failed; null: it fits. */
function misfit(step: 'queue' | 'account' | 'cores', { profile }: SeenThere, discovery: Discovery): Verdict | null {
  const mistakes = mistakesOf(step, misfits(profile, discovery).wrong);
  const [first] = mistakes;
  if (first === undefined) return null;
  const hint = `glidein site set ${profile.name} ${first.key}=…   (glidein discover ${profile.name} shows the queues)`;
  return wrong(mistakes.map(({ key, message }) => `${key} ${message}`).join('; '), hint);
}

function queue(seen: SeenThere): Verdict {
  const { profile } = seen;
  const discovery = discoveryOf(seen);
  if (discovery.kind === 'unknown')
    return doubtful(
      `what the queues offer could not be learned: ${quoted(discovery.reason)}`,
      `glidein discover ${profile.name}   (later)`,
    );
  const unfit = misfit('queue', seen, discovery);
  if (unfit !== null) return unfit;
  const [holding] = misfits(profile, discovery).holding;
  if (holding !== undefined) return doubtful(`${holding.key} ${holding.message}`);
  const chosen =
    profile.scheduler.queue ?? discovery.queues.find(({ isDefault }) => isDefault)?.name ?? 'none is named';
  return fine(`${chosen}; ${inDays(profile.scheduler.walltimeSeconds)} is within its limits`);
}

function account(seen: SeenThere): Verdict {
  const discovery = discoveryOf(seen);
  const unfit = misfit('account', seen, discovery);
  if (unfit !== null) return unfit;
  const { account: named } = seen.profile.scheduler;
  const yours = discovery.kind === 'known' ? discovery.limits.accounts : null;
  if (named === null)
    return needless(yours === null ? 'none is named' : `none is named; you may charge ${yours.join(', ')}`);
  return yours === null
    ? needless(`${named}; whether you may charge it, only a submission tells`)
    : fine(`${named} is one that you may charge`);
}

function cores(seen: SeenThere): Verdict {
  const discovery = discoveryOf(seen);
  const unfit = misfit('cores', seen, discovery);
  if (unfit !== null) return unfit;
  const { cores: wanted, memoryMB } = seen.profile.scheduler;
  const words = [
    wanted === null ? 'all cores' : `${wanted} ${wanted === 1 ? 'core' : 'cores'}`,
    memoryMB === null ? 'all memory' : `${memoryMB} MB`,
  ];
  const what = `${words.join(' and ')} of a node`;
  return discovery.kind === 'unknown' ? needless(what) : fine(what);
}

// ---- What the pilots start from ----

function image(seen: SeenThere): Verdict {
  if (!seen.image.ok) return broken(seen.image.failure);
  const { value } = seen.image;
  const { name } = seen.profile;
  if (value.kind === 'pulled') return doubtful(pullingWords(seen.profile), 'glidein image build');
  if (value.kind === 'here') return ourImage(seen, value);
  if (part(seen, 'image').code === 0) return fine(`${value.path} can be read`);
  return wrong(
    `image.remotePath ${value.path} cannot be read on the login host`,
    `put the image there, or: glidein site set ${name} image.remotePath=null`,
  );
}

function ourImage({ profile, facts }: SeenThere, { calledBy, directory, name, bytes }: ShippedImage): Verdict {
  if (namesIn(facts.parts, 'images').has(name)) return fine(`${calledBy} is there: ${directory}/${name}`);
  const size = `${Math.ceil(bytes / 1e6)} MB`;
  return needless(
    `${calledBy} is not there yet (${size}); the first pass that submits sends it, or now: glidein image push ${profile.name}`,
  );
}

/** Compute nodes often have what login nodes lack, so this is only told. */
function runtime(seen: SeenThere): Verdict {
  const { stdout, code } = part(seen, 'runtime');
  const version = quoted(stdout);
  return code === 0 && version !== ''
    ? fine(`${version}, on the login node`)
    : needless('none on the login node, which says nothing of the compute nodes');
}

function cvmfs({ profile, distribution }: SeenThere): Verdict {
  if (!distribution.ok) return broken(distribution.failure);
  const named = profile.pilot.cvmfsOptions?.dist ?? null;
  if (distribution.value !== null)
    return fine(`${distribution.value.source} is not there yet; the next submission sends it`);
  return named === null ? needless('the profile names no distribution') : fine(`${named} is there`);
}

/** Nodes often have what login nodes lack here, too, and the other way round: it is only told. */
function outbound(seen: SeenThere): Verdict {
  const { image: wanted, name } = seen.profile;
  if (!seen.image.ok || seen.image.value.kind !== 'pulled')
    return needless('nothing that is needed there comes from outside');
  const answer = seen.facts.parts.get('outside');
  if (answer === undefined || answer.code === cannotConnect) return needless('nothing there can try a connection');
  const from = /^docker:\/\/([^/]+)/.exec(wanted.source)?.[1] ?? wanted.source;
  if (answer.code === 0) return fine(`${from}, which the image comes from, takes connections`);
  // bash says why in the line before its last: of a name without an address that one is `Invalid argument`.
  const why =
    answer.code === 124
      ? 'no answer'
      : quoted(
          answer.stderr
            .trim()
            .replace(/\n[^\n]*$/, '')
            .replace(/^.*: /s, ''),
        );
  return doubtful(
    `${from}, which the image comes from, cannot be reached from the login node: ${why}`,
    `glidein check ${name} --node   (nodes may reach more, or less)`,
  );
}
