import * as v from 'valibot';
import { failed, type Mistake, ok, type Result } from '../failure.ts';
import { cvmfsWays } from '../pilot/cvmfs.ts';
import { pilotImage } from '../pilot/pilot-images.ts';
import { type KeyNode, keySegment, shapeMistakes } from './profile-keys.ts';
import { scheduler } from './scheduler-section.ts';
import {
  choice,
  line,
  lineThat,
  list,
  logPath,
  matching,
  nodePath,
  nodePathPattern,
  nullable,
  onOff,
  path,
  section,
  text,
  unused,
  whole,
} from './schema-pieces.ts';
import { isSection, keyNode, partAt, type SchemaPart } from './schema-shape.ts';
import { secondsUntil } from './until.ts';
import { defaultDrainMinutes, longestDrainMinutes, parseWalltime, shortestWalltimeSeconds } from './walltime.ts';

/**
 * The whole profile of a site, as one schema: it gives the type, the checks and their messages (docs/design.md,
 * "A site profile"). Every message goes on after the key's name: "pilot.owners must be …".
 */

// ---- Sections ----

const name = matching(
  /^[a-z0-9][a-z0-9-]{0,31}$/,
  'must be 1 to 32 of a-z, 0-9 and -, and begin with a letter or a digit',
);

const connection = section({
  /** A host name, or a `Host` of the user's SSH configuration. What `ssh` would take for an option or a user is refused. */
  host: matching(
    /^[\p{L}\p{N}_[:][\p{L}\p{N}._:%[\]+~-]*$/u,
    'must be a host name or a Host of ~/.ssh/config (the user name goes in connection.user)',
  ),
  transport: v.optional(choice(['auto', 'ssh2', 'openssh', 'local']), 'auto'),
  user: nullable(matching(/^[^\s@-][^\s@]*$/u, 'must be a user name on the login host, without spaces and @')),
  port: nullable(whole(1, 65_535)),
  identityFile: nullable(path),
  loginShell: v.optional(onOff, true),
  /** Shell lines, run once in the session before lock and scheduler. */
  prologue: list(text),
  /** Must be visible from the compute nodes, or `jobDir` is. null: `~/.glidein/NAME`. */
  remoteDir: nullable(logPath),
  /** Where jobs read token and drain marks and write their own. null: `remoteDir`. */
  jobDir: nullable(path),
  /** Seconds. */
  timeouts: v.optional(
    section({
      connect: v.optional(whole(1, 3_600), 20),
      list: v.optional(whole(1, 3_600), 30),
      submit: v.optional(whole(1, 3_600), 150),
    }),
    {},
  ),
});

/** What the accounting of the pool accepts as the name of a site or resource. */
const topologyName = matching(/^[A-Za-z0-9._ -]+$/, 'must be letters, digits, spaces and . _ -');

/** A user name on the access point, or `user@host`. Whether the expression can hold it is for `pilot/start-expression.ts`. */
const owner = v.pipe(
  matching(/^(?:[^@]+|[^@]+@[^@]+)$/u, 'must be a user name on the access point, such as ada or ada@ap.example.org'),
  v.regex(/^\S(?:.*\S)?$/u, 'must not begin or end with a space'),
);

const variableName = v.pipe(
  v.string(),
  v.regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    'is no usable name: it must be letters, digits and _, and not begin with a digit',
  ),
  v.maxLength(256, 'is too long for a name: at most 256 characters'),
);

/** What the container runtime takes after `--bind`; it splits lists at commas, and parts at colons. */
function isBind(value: string): boolean {
  const [source = '', target, options, ...more] = value.split(':');
  const paths = target === undefined ? [source] : [source, target];
  const optionsFine = options === undefined || /^[a-z][\w=.,/-]*$/.test(options);
  return more.length === 0 && optionsFine && paths.every((part) => nodePathPattern.test(part) && !part.includes(','));
}

const bindForm = 'must be SRC[:DST[:OPTIONS]] with paths that start with / or $NAME, and without a comma in them';

const bind = v.pipe(lineThat(bindForm), v.check(isBind, bindForm));

const pilot = section({
  site: topologyName,
  resource: topologyName,
  owners: v.pipe(
    v.array(owner, 'must be a list, such as ["ada"]'),
    v.minLength(1, 'must name at least one owner: a pilot runs only the jobs of its owners'),
  ),
  /** The token's file on this machine. Its text is never in a profile. */
  token: path,
  projects: list(line),
  startExtra: nullable(v.pipe(text, v.nonEmpty('must not be empty; leave the key out instead'))),
  squid: nullable(matching(/^\S+$/u, 'must be one address, such as squid.example.org:3128')),
  /** null: $TMPDIR of the job, else /tmp. */
  scratch: nullable(nodePath),
  runtime: v.optional(
    matching(
      /^(?:auto|apptainer|singularity|\/.*)$/u,
      'must be auto, apptainer, singularity or the absolute path of one',
    ),
    'auto',
  ),
  modules: list(matching(/^[^\s-]\S*$/u, 'must be the name of one module, such as apptainer/1.3')),
  binds: list(bind),
  env: v.optional(v.record(variableName, text, 'must be an object'), {}),
  /** Strings become ClassAd strings. */
  attributes: v.optional(
    v.record(
      variableName,
      v.union([text, v.pipe(v.number(), v.finite()), v.boolean()], 'must be text, a number, true or false'),
      'must be an object',
    ),
    {},
  ),
  /** null: what the batch system granted. */
  cpus: nullable(whole(1, 4_096)),
  /** null: what the batch system granted, less 100 MB. */
  memoryMB: nullable(whole(1, 67_108_864)),
  idleMinutes: v.optional(whole(1, 10_080), 30),
  /** The longest job. null: an hour, or a quarter of a short wall clock. */
  drainMinutes: nullable(whole(1, 43_200)),
  cvmfs: v.optional(choice(cvmfsWays), 'auto'),
  /** What the job brings CVMFS with where the node has none. What they may hold is for `pilot/cvmfs.ts`. */
  cvmfsOptions: nullable(
    section({
      repos: list(line),
      /** A distribution that `makedist` made. */
      dist: nullable(path),
      /** null: `squid`, else none. */
      proxy: nullable(line),
      /** null: 4000. */
      quotaMB: nullable(whole(1, 67_108_864)),
      /** null: below `scratch`. */
      cache: nullable(nodePath),
      logs: nullable(nodePath),
    }),
  ),
  /** null: `remoteDir/logs`. */
  logDir: nullable(logPath),
});

const sourceForm = 'must be docker://REGISTRY/NAME:TAG, or a .sif of this machine by a path that starts with / or ~/';

const image = section({
  /** Left out: the one for what the profile asks of the batch system. */
  source: v.optional(
    v.pipe(lineThat(sourceForm), v.regex(/^(?:docker:\/\/[^\s-]\S*|(?:\/|~\/).*\.sif)$/u, sourceForm)),
  ),
  /** An image of the store. */
  name: nullable(line),
  /** A SIF that is on the login host already. */
  remotePath: nullable(path),
  /** null: `remoteDir/images`. */
  dir: nullable(path),
  /** Older than this, and nobody can say that it is the newest, it is warned of. */
  maxAgeHours: v.optional(whole(1, 87_600), 72),
});

const untilForm = 'must be a day, such as 2027-03-31 (to its end, UTC), or a moment, such as 2027-03-31T12:00Z';

const limits = section({
  maxPending: v.optional(whole(1, 10_000), 5),
  maxPerPass: v.optional(whole(1, 10_000), 20),
  nodeHours: nullable(whole(1, 1_000_000_000)),
  /** A day, to its end, or a moment; in UTC where it names no other offset. */
  until: nullable(
    v.pipe(
      lineThat(untilForm),
      v.check((value) => secondsUntil(value) !== null, untilForm),
    ),
  ),
});

const demand = unused(
  section({ host: line, minTarget: v.optional(whole(0, 10_000), 0), jobsPerPilot: v.optional(whole(1, 10_000), 1) }),
  null,
);

// ---- The whole ----

const writtenProfile = section({
  name,
  target: v.optional(whole(0, 10_000), 0),
  minTarget: v.optional(unused(whole(0, 10_000), 0), 0),
  connection,
  scheduler,
  pilot,
  image: v.optional(image, {}),
  limits: v.optional(limits, {}),
  demand: nullable(demand),
});

type WrittenProfile = v.InferOutput<typeof writtenProfile>;

const profile = v.pipe(
  writtenProfile,
  v.forward(
    v.partialCheck(
      [
        ['scheduler', 'walltime'],
        ['pilot', 'drainMinutes'],
      ],
      (value) => (value.pilot.drainMinutes ?? 1) <= longestDrainMinutes(secondsOf(value.scheduler.walltime)),
      (issue) => {
        const longest = longestDrainMinutes(secondsOf(issue.input.scheduler.walltime));
        return `must be at most a quarter of scheduler.walltime, here ${longest}`;
      },
    ),
    ['pilot', 'drainMinutes'],
  ),
  v.forward(
    v.partialCheck(
      [['target'], ['scheduler', 'nodesPerJob']],
      ({ target, scheduler }) => target % scheduler.nodesPerJob === 0,
      ({ input }) => {
        const { nodesPerJob } = input.scheduler;
        const below = input.target - (input.target % nodesPerJob);
        return `must be a multiple of scheduler.nodesPerJob, ${nodesPerJob}, such as ${below} or ${below + nodesPerJob}: it counts pilots, and each job has so many`;
      },
    ),
    ['target'],
  ),
  v.forward(
    v.partialCheck(
      [
        ['scheduler', 'nodesPerJob'],
        ['limits', 'maxPending'],
      ],
      ({ scheduler, limits }) => limits.maxPending >= scheduler.nodesPerJob,
      ({ input }) => tooLittleRoom(input.scheduler.nodesPerJob),
    ),
    ['limits', 'maxPending'],
  ),
  v.forward(
    v.partialCheck(
      [
        ['scheduler', 'nodesPerJob'],
        ['limits', 'maxPerPass'],
      ],
      ({ scheduler, limits }) => limits.maxPerPass >= scheduler.nodesPerJob,
      ({ input }) => tooLittleRoom(input.scheduler.nodesPerJob),
    ),
    ['limits', 'maxPerPass'],
  ),
  v.forward(
    v.partialCheck(
      [
        ['scheduler', 'cores'],
        ['pilot', 'cpus'],
      ],
      ({ scheduler, pilot }) => isWithin(pilot.cpus, scheduler.cores),
      ({ input }) =>
        `must be at most scheduler.cores, ${input.scheduler.cores}: a pilot offers only what it was granted`,
    ),
    ['pilot', 'cpus'],
  ),
  v.forward(
    v.partialCheck(
      [
        ['scheduler', 'memoryMB'],
        ['pilot', 'memoryMB'],
      ],
      ({ scheduler, pilot }) => isWithin(pilot.memoryMB, scheduler.memoryMB),
      ({ input }) =>
        `must be at most scheduler.memoryMB, ${input.scheduler.memoryMB}: a pilot offers only what it was granted`,
    ),
    ['pilot', 'memoryMB'],
  ),
  v.transform(withDefaults),
);

/** A site's profile, checked, with every default filled in. `null` means what docs/design.md says it means there. */
export type Profile = v.InferOutput<typeof profile>;

/** With less room than one job needs nothing would ever be submitted. */
function tooLittleRoom(nodesPerJob: number): string {
  return `must be at least scheduler.nodesPerJob, ${nodesPerJob}: it counts pilots, and each job has so many`;
}

/** Seconds of a wall clock that was checked before. */
function secondsOf(checkedWalltime: string): number {
  return parseWalltime(checkedWalltime) ?? shortestWalltimeSeconds;
}

/** Whether what a pilot offers is in what its job asks for; null is what is granted, or all of a node. */
function isWithin(offered: number | null, asked: number | null): boolean {
  return offered === null || asked === null || offered <= asked;
}

function remoteDirOf(value: { name: string; connection: { remoteDir: string | null } }): string {
  return value.connection.remoteDir ?? `~/.glidein/${value.name}`;
}

function under(directory: string, child: string): string {
  return `${directory.replace(/\/+$/, '')}/${child}`;
}

/** Fills in the defaults that depend on other keys. */
function withDefaults(written: WrittenProfile) {
  const remoteDir = remoteDirOf(written);
  const walltimeSeconds = secondsOf(written.scheduler.walltime);
  return {
    ...written,
    connection: { ...written.connection, remoteDir, jobDir: written.connection.jobDir ?? remoteDir },
    scheduler: { ...written.scheduler, walltimeSeconds },
    pilot: {
      ...written.pilot,
      drainMinutes: written.pilot.drainMinutes ?? defaultDrainMinutes(walltimeSeconds),
      logDir: written.pilot.logDir ?? under(remoteDir, 'logs'),
    },
    image: {
      ...written.image,
      source: written.image.source ?? pilotImage(written.scheduler.gpus),
      dir: written.image.dir ?? under(remoteDir, 'images'),
    },
  };
}

// ---- What others ask of it ----

/** Every key a profile may have. */
export const profileKeys: KeyNode = keyNode(profile);

/**
 * Checks a written profile. The failure (`profile-invalid`) lists all mistakes, the first of each key, unknown keys
 * before the others; `where` only goes into it.
 */
export function checkProfile(value: unknown, where: { site: string | null; file: string | null }): Result<Profile> {
  const shape = shapeMistakes(value, profileKeys);
  const checked = v.safeParse(profile, value);
  if (checked.success && shape.length === 0) return ok(checked.output);
  const mistakes = worthTelling([...shape, ...(checked.issues ?? []).flatMap(mistakesOf)]);
  return failed({ kind: 'profile-invalid', ...where, mistakes });
}

/** Whether `value` alone would do for the key at `path`; rules that join several keys are not looked at. */
export function acceptsAt(path: readonly string[], value: unknown): boolean {
  const part = partAt(profile, path);
  return part !== null && issuesOf(part, value).length === 0;
}

/** One mistake a key, and none below a key that is wrong as a whole. */
function worthTelling(mistakes: readonly Mistake[]): Mistake[] {
  const told = new Set<string>();
  const isTold = (key: string): boolean => told.has(key) || (key !== '' && isTold(parentOf(key)));
  return mistakes.filter(({ key }) => !isTold(key) && told.add(key));
}

function parentOf(key: string): string {
  return key.slice(0, Math.max(key.lastIndexOf('.'), 0));
}

function mistakesOf(issue: v.BaseIssue<unknown>): Mistake[] {
  const path = pathOf(issue);
  const isMissing = issue.kind === 'schema' && issue.type === 'object' && issue.path?.at(-1)?.origin === 'key';
  return isMissing ? missing(path) : [{ key: dotted(path), message: issue.message }];
}

/** What to say of a key that is not there: for a section, all that it requires; else what the key must be. */
function missing(path: readonly string[]): Mistake[] {
  const part = partAt(profile, path);
  if (part === null) return [];
  if (isSection(part)) return issuesOf(part, {}).flatMap((issue) => missing([...path, ...pathOf(issue)]));
  const allowed = issuesOf(part, undefined)[0]?.message ?? 'must be given';
  return [{ key: dotted(path), message: `is missing; it ${allowed}` }];
}

function issuesOf(part: SchemaPart, value: unknown): readonly v.BaseIssue<unknown>[] {
  return isValibot(part) ? (v.safeParse(part, value).issues ?? []) : [];
}

function isValibot(part: SchemaPart): part is v.GenericSchema {
  return '~run' in part;
}

function pathOf(issue: v.BaseIssue<unknown>): string[] {
  return (issue.path ?? []).map((item) => String(item.key));
}

function dotted(path: readonly string[]): string {
  return path.map(keySegment).join('.');
}
