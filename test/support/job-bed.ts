import { chmod, chown, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TemplateSource } from '../../src/script/template-source.ts';
import type { ScriptValues } from '../../src/script/values.ts';
import { renderScript } from './render-script.ts';
import { type Ran, run } from './run-program.ts';

/** The templates of this project, as the program reads them. */
export async function projectTemplates(name: string): Promise<TemplateSource> {
  const text = async (file: string) => ({
    name: file,
    text: await readFile(new URL(`../../templates/${file}`, import.meta.url), 'utf8'),
  });
  const partials = { pilot: await text('partials/pilot.sh.hbs'), cvmfs: await text('partials/cvmfs.sh.hbs') };
  return { template: await text(name), partials };
}

/** A place where rendered jobs run against the stand-in runtime: a home, a job directory, a node's scratch. */
export interface JobBed extends AsyncDisposable {
  readonly root: string;
  readonly jobDir: string;
  readonly logDir: string;
  /** What `$TMPDIR` is on "the node". */
  readonly scratch: string;
  /** What the stand-in tells. */
  readonly report: string;
  /** Sensible values for a job here, changed by `changes`. */
  values(changes?: Partial<ScriptValues>): ScriptValues;
  /** Lets the node have a device, such as `/dev/nvidiactl`, for the jobs that are run after this. */
  giveDevice(path: string): Promise<void>;
  /** Renders and runs a job to its end. `env` adds to a job's usual environment; undefined removes. */
  run(values: ScriptValues, env?: { [name: string]: string | undefined }): Promise<Ran>;
  /** As `run`, by root where these tests are root. */
  runAsRoot(values: ScriptValues): Promise<Ran>;
  /** Variables as they reached the runscript, or as the runtime was called. */
  environment(file: 'inner-env' | 'outer-env'): Promise<Map<string, string>>;
  /** The lines of a mark, or null. */
  mark(path: string): Promise<string | null>;
}

const root = process.getuid?.() === 0;
/** Where tests run as root, jobs do not: nobody, by the number every system has for it. */
const nobody = root ? { uid: 65_534, gid: 65_534 } : {};

/** A new bed for the scripts of a template; it removes itself when disposed of. */
export async function makeJobBed(template = 'slurm.sh.hbs'): Promise<JobBed> {
  const place = await mkdtemp(join(tmpdir(), 'glidein-bed-'));
  const at = (name: string) => join(place, name);
  for (const name of ['home', 'jobs', 'jobs/drain', 'node', 'report', 'bin']) await mkdir(at(name));
  for (const name of ['apptainer', 'runscript']) {
    await copyFile(new URL(`./stand-in-runtime/${name}`, import.meta.url), at(`bin/${name}`));
    await chmod(at(`bin/${name}`), 0o755);
  }
  await writeFile(at('image.sif'), 'a stand-in image');
  await writeFile(at('jobs/token'), 'a stand-in token\n', { mode: 0o600 });
  if (root) await giveAway(place);
  const templates = await projectTemplates(template);
  const environment = {
    PATH: `${at('bin')}:/usr/bin:/bin`,
    HOME: at('home'),
    TMPDIR: at('node'),
    STAND_IN_REPORT: at('report'),
    STAND_IN_RUNSCRIPT: at('bin/runscript'),
    SLURM_JOB_ID: '4711',
    SLURM_CPUS_ON_NODE: '128',
    SLURM_MEM_PER_NODE: '256000',
  };

  async function start(values: ScriptValues, env: { [name: string]: string | undefined }, who: object): Promise<Ran> {
    const rendered = renderScript(templates, values);
    if (!rendered.ok) throw new Error(JSON.stringify(rendered.failure));
    const file = at(`job-${process.hrtime.bigint()}.sh`);
    await writeFile(file, withOwnDevices(rendered.value, at('devices')), { mode: 0o755 });
    return run(file, [], { env: { ...environment, ...env }, seconds: 60, ...who });
  }

  return {
    root: place,
    jobDir: at('jobs'),
    logDir: at('logs'),
    scratch: at('node'),
    report: at('report'),
    async giveDevice(path) {
      await mkdir(dirname(at(`devices${path}`)), { recursive: true });
      await writeFile(at(`devices${path}`), '');
    },
    values: (changes = {}) => ({ ...plainValues(place), ...changes }),
    run: (values, env = {}) => start(values, env, nobody),
    runAsRoot: (values) => start(values, {}, {}),
    environment: async (file) => variablesOf(await readFile(at(`report/${file}`), 'utf8')),
    mark: (path) => readFile(at(`jobs/${path}`), 'utf8').catch(() => null),
    async [Symbol.asyncDispose]() {
      await rm(place, { recursive: true, force: true });
    },
  };
}

/** Values that a job in `place` can run with. */
export function plainValues(place: string): ScriptValues {
  return {
    ...{ site: 'anvil', tag: 'anvil-0123456789', directives: ['--job-name=g-anvil', '--exclusive'] },
    ...{ jobDir: join(place, 'jobs'), logDir: join(place, 'logs'), image: join(place, 'image.sif') },
    ...{ walltimeSeconds: 86_400, drainSeconds: 3_600, stopSeconds: 120 },
    startExpression: '(TARGET.Owner =?= "ada")',
    containerEnvironment: [{ name: 'GLIDEIN_Start_Extra', escaped: '(TARGET.Owner =?= "ada")' }],
    ...{ condorNames: '', attributes: '', cpus: null, memoryMB: null, modules: [], runtime: 'auto' },
    ...{ scratch: null, binds: [], gpus: false, severalNodes: false, minimumScratchMB: 1, comfortableScratchMB: 1 },
    ...{ cvmfs: 'none', cvmfsBrought: false, cvmfsRepos: [], cvmfsProxy: 'DIRECT', cvmfsQuotaMB: 4000 },
    ...{ cvmfsCache: null, cvmfsLogs: null, cvmfsDistribution: null },
    ...{ loopSeconds: 0.1, settleSeconds: 1, logSeconds: 600, graceSeconds: 20 },
  };
}

/** What a job looks for of GPUs and CVMFS is looked for below `place`: whether this machine has any must not matter. */
function withOwnDevices(script: string, place: string): string {
  return script
    .replaceAll(/\[\[ -([ed]) (\/dev\/(?:nvidiactl|kfd)|\/etc\/OpenCL\/vendors|\/cvmfs) \]\]/g, `[[ -$1 ${place}$2 ]]`)
    .replaceAll(/(?<=\[\[ -r |&& -w )\/dev\/fuse(?= )/g, `${place}/dev/fuse`)
    .replaceAll(/(?<=for directory in )\/cvmfs(\S*) \/cvmfs;/g, `${place}/cvmfs$1 ${place}/cvmfs;`)
    .replaceAll('/proc/self/mounts', `${place}/proc/self/mounts`)
    .replaceAll('type -P fusermount', `type -P ${place}/bin/fusermount`);
}

async function giveAway(directory: string): Promise<void> {
  await chown(directory, 65_534, 65_534);
  for (const entry of await readdir(directory, { recursive: true }))
    await chown(join(directory, entry), 65_534, 65_534);
}

function variablesOf(text: string): Map<string, string> {
  const entries = text.split('\0').filter((entry) => entry !== '');
  return new Map(entries.map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]));
}
