import type { Profile } from '../config/schema.ts';
import type { NodeFact } from '../login/node-facts.ts';
import { usualPace } from '../script/values.ts';
import {
  type CheckStep,
  doubtful,
  fine,
  later,
  type NodeStepName,
  needless,
  untried,
  type Verdict,
  wrong,
} from './check-steps.ts';
import { imageInJob, type SiteImage } from './site-image.ts';

/** What a job has found on a compute node, as steps of `check`. Pure. */

export interface SeenOnNode {
  profile: Profile;
  image: SiteImage;
  facts: ReadonlyMap<string, NodeFact>;
  /** When the answer was read, in seconds by the login host's clock; null: it has none. */
  readAtSeconds: number | null;
}

type FactStep = Exclude<NodeStepName, 'node'>;

/** Each step but `node`, which only who waited for the job can tell. */
export function judgedNode(seen: SeenOnNode): CheckStep[] {
  return (Object.keys(verdicts) as FactStep[]).map((step) => ({ step, seconds: null, ...verdicts[step](seen) }));
}

const verdicts: Readonly<Record<FactStep, (seen: SeenOnNode) => Verdict>> = {
  'node-user': user,
  'node-clock': clock,
  'node-marks': marks,
  'node-logs': logs,
  'node-image': image,
  'node-modules': modules,
  'node-runtime': runtime,
  'node-userns': namespaces,
  'node-fuse': fuse,
  'node-container': container,
  'node-nested': nested,
  'node-scratch': scratch,
  'node-files': files,
  'node-cvmfs': cvmfs,
  'node-squid': squid,
  'node-pool': pool,
  'node-registry': registry,
  'node-gpus': gpus,
};

/** What a fact says where it is missing: it cannot be said of anything. */
const unsaid: NodeFact = { status: 255, said: 'the job did not say' };

function fact({ facts }: SeenOnNode, name: string): NodeFact {
  return facts.get(name) ?? unsaid;
}

/** The words of a program that failed, or that it said nothing. */
function words({ status, said }: NodeFact): string {
  if (said !== '') return said;
  return status === 124 ? 'no answer in time' : `it ended with ${status}`;
}

/** `glidein site set NAME …` */
function set({ profile }: SeenOnNode, assignment: string): string {
  return `glidein site set ${profile.name} ${assignment}`;
}

function queueOf({ profile }: SeenOnNode): string {
  return profile.scheduler.queue === null ? 'its nodes' : `the nodes of ${profile.scheduler.queue}`;
}

// ---- Who and when ----

function user(seen: SeenOnNode): Verdict {
  const [name, root] = [fact(seen, 'user'), fact(seen, 'root')];
  const ask = `tell the site: jobs on ${queueOf(seen)} do not run as you`;
  if (root.status !== 0) return later('jobs run as root there; a pilot must not', ask);
  if (name.status === 0) return fine(`${name.said}, user id ${root.said}`);
  return later(
    `the user id ${root.said} has no name there, and HTCondor needs one: ${words(name)}`,
    `tell the site: \`id -un\` fails on ${queueOf(seen)}`,
  );
}

/** Further apart than that, tickets and tokens begin to be refused. */
const mostSkewSeconds = 60;

function clock(seen: SeenOnNode): Verdict {
  const there = Number(fact(seen, 'clock').said);
  const { readAtSeconds } = seen;
  if (readAtSeconds === null || !Number.isSafeInteger(there)) return needless('nobody could compare the clocks');
  const ahead = there - readAtSeconds;
  if (Math.abs(ahead) <= mostSkewSeconds) return fine("its clock is the login host's");
  return doubtful(
    `its clock is about ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} the login host's; tokens are judged by it`,
    'tell the site: the clock of this node is wrong',
  );
}

// ---- Directories ----

function marks(seen: SeenOnNode): Verdict {
  const { jobDir } = seen.profile.connection;
  const written = fact(seen, 'marks');
  if (written.status === 0) return fine(`${jobDir} can be read and written`);
  return wrong(
    `the marks of pilots cannot be written to ${jobDir}: ${words(written)}`,
    set(seen, 'connection.jobDir=/a/directory/that/nodes/write'),
  );
}

function logs(seen: SeenOnNode): Verdict {
  const { logDir } = seen.profile.pilot;
  const written = fact(seen, 'logs');
  if (written.status === 0) return fine(`${logDir} can be written`);
  const why =
    written.status === 2
      ? `${logDir} is not there`
      : written.status === 3
        ? `${logDir} is another directory there than on the login host`
        : `${logDir} cannot be written: ${words(written)}`;
  return wrong(why, set(seen, 'pilot.logDir=/a/directory/that/nodes/write'));
}

function isPulled({ image: { kind } }: SeenOnNode): boolean {
  return kind === 'pulled';
}

function image(seen: SeenOnNode): Verdict {
  if (isPulled(seen)) return needless('there is no image on the cluster; each pilot pulls its own');
  const path = imageInJob(seen.image);
  if (fact(seen, 'image').status === 0) return fine(`${path} can be read`);
  if (seen.image.kind === 'there')
    return wrong(
      `image.remotePath ${path} cannot be read there`,
      'put the image on a disk that nodes see, readable for you',
    );
  return doubtful(
    `${path} is not there yet, or nodes do not see it`,
    `glidein image push ${seen.profile.name}   (then again)`,
  );
}

// ---- Containers ----

function modules(seen: SeenOnNode): Verdict {
  const wanted = seen.profile.pilot.modules;
  if (wanted.length === 0) return needless('the profile names none');
  const loaded = fact(seen, 'modules');
  if (loaded.status === 0) return fine(wanted.join(', '));
  return doubtful(
    `cannot be loaded there: ${words(loaded)}`,
    `module avail   (there), then: ${set(seen, 'pilot.modules=…')}`,
  );
}

function runtime(seen: SeenOnNode): Verdict {
  const version = fact(seen, 'runtime');
  if (version.status === 0) return fine(`${version.said}, ${fact(seen, 'program').said}`);
  const { runtime: wanted } = seen.profile.pilot;
  const what = wanted === 'auto' ? 'neither apptainer nor singularity is there' : `${wanted} is not there`;
  return wrong(
    version.status === 127 ? what : `${wanted === 'auto' ? 'the runtime' : wanted} does not work: ${words(version)}`,
    `${set(seen, `'pilot.modules=["apptainer"]'`)}   (or pilot.runtime=/its/path)`,
  );
}

function hasRuntime(seen: SeenOnNode): boolean {
  return fact(seen, 'runtime').status === 0;
}

function namespaces(seen: SeenOnNode): Verdict {
  const tried = fact(seen, 'namespaces');
  if (tried.status === 0) return fine('you may make them');
  return doubtful(
    `user namespaces do not work there (${words(tried)}); containers of jobs, and cvmfsexec, need them`,
    'ask the site for unprivileged user namespaces (user.max_user_namespaces)',
  );
}

function fuse(seen: SeenOnNode): Verdict {
  const { status } = fact(seen, 'fuse');
  if (status === 0) return fine('/dev/fuse can be used');
  const what = status === 2 ? 'there is no /dev/fuse' : 'you may not open /dev/fuse';
  return doubtful(
    `${what}; images are unpacked instead of mounted, and cvmfsexec does not work`,
    'ask the site for it',
  );
}

function container(seen: SeenOnNode): Verdict {
  const started = seen.facts.get('container');
  if (started === undefined)
    return hasRuntime(seen) && isPulled(seen) ? needless('there is no image on the cluster to try it with') : untried;
  if (started.status === 0) return fine('the image starts');
  return wrong(
    `the image does not start: ${words(started)}`,
    `glidein logs ${seen.profile.name}   (has more once a pilot ran)`,
  );
}

function nested(seen: SeenOnNode): Verdict {
  const started = seen.facts.get('nested');
  if (started === undefined) return untried;
  if (started.status === 0) return fine('a container starts in the container');
  return doubtful(
    `jobs that bring a container will not run: one does not start in the pilot's (${words(started)})`,
    'see node-userns and node-fuse; jobs without containers run all the same',
  );
}

// ---- The node ----

/** File systems on servers: slow for what jobs do, and shared. */
const remoteTypes = /^(?:nfs|lustre|gpfs|beegfs|fhgfs|ceph|afs|smb|cifs|panfs|pvfs|orangefs|wekafs|daos)/i;

function scratch(seen: SeenOnNode): Verdict {
  const { status, said } = fact(seen, 'scratch');
  const hint = set(seen, 'pilot.scratch=/a/local/disk');
  if (status !== 0) return wrong(`no scratch directory can be made: ${words({ status, said })}`, hint);
  const [, free = '', type = '', root = ''] = /^(\S+) (\S+) (.*)$/.exec(said) ?? [];
  const megabytes = Number(free);
  if (Number.isNaN(megabytes)) return doubtful(`nobody can tell how much is free in ${root} (${type})`, hint);
  const { minimumScratchMB, comfortableScratchMB } = usualPace;
  const what = `${(megabytes / 1024).toFixed(1)} GB are free in ${root} (${type})`;
  if (megabytes < minimumScratchMB) return wrong(`only ${what}; a pilot needs ${minimumScratchMB} MB`, hint);
  if (megabytes < comfortableScratchMB) return doubtful(`only ${what}; jobs may not fit`, hint);
  if (remoteTypes.test(type)) return doubtful(`${what}, which is on a file server: pilots on it are slow`, hint);
  if (type === 'tmpfs') return doubtful(`${what}: what jobs write takes their memory`, hint);
  return fine(what);
}

/** HTCondor and the container runtime keep many files open for many jobs. */
const fewFiles = 4_096;

function files(seen: SeenOnNode): Verdict {
  const { said } = fact(seen, 'files');
  const most = said === 'unlimited' ? Number.POSITIVE_INFINITY : Number(said);
  if (most >= fewFiles) return fine(`${said} open files (ulimit -n)`);
  return doubtful(
    `only ${said} open files (ulimit -n); a pilot with many jobs needs more`,
    'ask the site to raise the hard limit',
  );
}

function cvmfs(seen: SeenOnNode): Verdict {
  const { cvmfs: way } = seen.profile.pilot;
  const there = fact(seen, 'cvmfs');
  if (way === 'none') return needless('the profile wants none');
  if (there.status === 0) return fine('/cvmfs is there');
  const what = there.said === '' ? 'there is no /cvmfs, or it is empty' : `not in /cvmfs: ${there.said}`;
  if (way === 'bind') return wrong(what, set(seen, 'pilot.cvmfs=auto'));
  if (seen.profile.pilot.cvmfsOptions !== null) return needless(`${what}; the job brings it`);
  return doubtful(
    `${what}; jobs that need it do not run`,
    set(seen, `'pilot.cvmfsOptions={"repos":["oasis.opensciencegrid.org"]}'`),
  );
}

// ---- The network ----

function squid(seen: SeenOnNode): Verdict {
  const named = seen.profile.pilot.squid;
  const answer = seen.facts.get('squid');
  if (named === null || answer === undefined) return needless('the profile names none');
  if (answer.status === 0) return fine(`${named} answers`);
  return wrong(`${named} does not answer: ${words(answer)}`, set(seen, 'pilot.squid=null   (or the right one)'));
}

function pool(seen: SeenOnNode): Verdict {
  const reached = seen.facts.get('pool');
  if (reached === undefined) return needless('nobody knows the central manager of this pool');
  if (reached.status === 0) return fine(`${reached.said} takes connections`);
  return later(
    `a pilot cannot join: ${words(reached)}`,
    `ask the site for outbound connections to port 9618 from ${queueOf(seen)}`,
  );
}

function registry(seen: SeenOnNode): Verdict {
  const reached = seen.facts.get('registry');
  if (reached === undefined) return needless('the image comes from no registry');
  if (reached.status === 0) return fine(`${reached.said} takes connections`);
  const hint = `ask the site for outbound connections to port 443 from ${queueOf(seen)}`;
  if (isPulled(seen)) return later(`a pilot cannot pull its image: ${words(reached)}`, hint);
  return doubtful(`what jobs fetch may be out of reach: ${words(reached)}`, hint);
}

function gpus(seen: SeenOnNode): Verdict {
  const wanted = seen.profile.scheduler.gpus;
  if (wanted === 0) return needless('the profile asks for none');
  const { said } = fact(seen, 'gpus');
  const [, count = '0', which = ''] = /^(\d+) ?(.*)$/.exec(said) ?? [];
  if (Number(count) >= wanted) return fine(`${count} there: ${which}`);
  return wrong(
    `${wanted} were asked for, and ${count === '0' ? 'none is' : `${count} are`} there`,
    set(seen, 'scheduler.gpuOption=…   (gpus-per-node, gpus, gres; or another scheduler.queue)'),
  );
}
