import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ScriptValues, usualPace } from '../../src/script/values.ts';
import { projectTemplates } from './job-bed.ts';
import { renderScript } from './render-script.ts';
import { type Ran, run } from './run-program.ts';

/** A profile's values, as they come to a template. */
export const scriptValues = (changes: Partial<ScriptValues> = {}): ScriptValues => ({
  ...{ site: 'anvil', tag: 'anvil-0123456789', directives: ['--job-name=g-anvil', '--constraint="a&b"'] },
  ...{ jobDir: '~/.glidein/anvil', logDir: '~/.glidein/anvil/logs', image: '~/images/pilot 25.sif' },
  ...{ walltimeSeconds: 86_400, drainSeconds: 3_720, stopSeconds: 120 },
  startExpression: '(TARGET.Owner =?= "ada")',
  containerEnvironment: [
    { name: 'GLIDEIN_Start_Extra', escaped: '(TARGET.Owner =?= "ada")' },
    { name: 'GLIDEIN_Site', escaped: "Ada's" },
  ],
  ...{ condorNames: '', attributes: 'Rack = "7"\n', cpus: null, memoryMB: 64_000, modules: ['apptainer/1.3'] },
  ...{
    runtime: 'auto',
    scratch: null,
    binds: [{ source: '$PROJECT/data', target: ':/data:ro' }],
    cvmfs: 'auto',
    gpus: true,
    severalNodes: false,
  },
  ...{ cvmfsBrought: false, cvmfsRepos: [], cvmfsProxy: 'DIRECT', cvmfsQuotaMB: 4_000 },
  ...{ cvmfsCache: null, cvmfsLogs: null, cvmfsDistribution: null },
  ...usualPace,
  ...changes,
});

/** What any way to bring CVMFS has of the profile. */
export const repositories = { cvmfsBrought: true, cvmfsRepos: ['oasis.opensciencegrid.org', 'cms.cern.ch'] };
/** CVMFS by each way that a job can bring it. */
export const broughtCvmfs: [string, Partial<ScriptValues>][] = [
  ['auto', { ...repositories, cvmfs: 'auto', cvmfsDistribution: '~/cvmfs/dist 1.tar' }],
  ['cvmfsexec', { ...repositories, cvmfs: 'cvmfsexec', cvmfsDistribution: '/shared/dist', cvmfsCache: '$LOCAL/cache' }],
  ['singcvmfs', { ...repositories, cvmfs: 'singcvmfs', cvmfsDistribution: '/shared/dist', cvmfsLogs: '/var/tmp/logs' }],
  ['mountrepo', { ...repositories, cvmfs: 'mountrepo', cvmfsDistribution: '/shared/dist', cvmfsQuotaMB: 8_000 }],
  ['container', { ...repositories, cvmfs: 'container', cvmfsProxy: 'http://a:3128|http://b:3128;DIRECT' }],
];

/** Every form that the script of a job takes. */
export const scriptVariants: [string, Partial<ScriptValues>][] = [
  ['with everything', {}],
  ['with nothing', { modules: [], binds: [], gpus: false, scratch: '/local', attributes: '', cvmfs: 'none' }],
  ['with CVMFS that the node has', { cvmfs: 'bind' }],
  ['with several nodes', { severalNodes: true }],
  ['with several nodes and CVMFS', { severalNodes: true, ...repositories, cvmfs: 'auto' }],
  ...broughtCvmfs.map(([way, changes]): [string, Partial<ScriptValues>] => [`with CVMFS by ${way}`, changes]),
];

/** What bash and shellcheck say of one of them. */
export async function checkedScript(changes: Partial<ScriptValues>): Promise<{ bash: Ran; shellcheck: Ran }> {
  const result = renderScript(await projectTemplates('slurm.sh.hbs'), scriptValues(changes));
  if (!result.ok) throw new Error(JSON.stringify(result.failure));
  return shellChecks(result.value);
}

/** What bash and shellcheck say of a script; shellcheck ends with 127 where it is not installed. */
export async function shellChecks(script: string): Promise<{ bash: Ran; shellcheck: Ran }> {
  const directory = await mkdtemp(join(tmpdir(), 'glidein-script-'));
  const file = join(directory, 'script.sh');
  await writeFile(file, script);
  const [bash, shellcheck] = [await run('bash', ['-n', file]), await run('shellcheck', [file])];
  await rm(directory, { recursive: true });
  return { bash, shellcheck };
}
