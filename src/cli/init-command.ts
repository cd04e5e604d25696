import { Option } from 'commander';
import type { Said } from '../commands/init.ts';
import type { Adder } from './command-adder.ts';
import { dryRun, type JobFlags, several } from './shared-options.ts';

/** `init`, and what may be said beforehand so that it is not asked. */

interface InitFlags extends JobFlags {
  host?: string;
  owner?: string[];
  token?: string;
  osgSite?: string;
  osgResource?: string;
  scheduler?: string;
  queue?: string;
  account?: string;
  project?: string;
  walltime?: string;
  gpus?: string;
  cores?: string;
  module?: string;
  image?: string;
  target?: string;
  set?: string[];
  replace?: boolean;
}

function saidIn(site: string | undefined, flags: InitFlags): Said {
  const { host, token, osgSite, osgResource, scheduler, queue, account, project } = flags;
  const { walltime, gpus, cores, module, image, target } = flags;
  const ofPerson = { site, host, token, osgSite, osgResource, owners: flags.owner?.join(' '), target };
  return { ...ofPerson, scheduler, queue, account, project, walltime, gpus, cores, module, image };
}

const initOptions = [
  new Option('--host <host>', 'the login host: a name, USER@NAME, or a Host of ~/.ssh/config'),
  several(
    '--owner <owner>',
    'whose jobs may run on the pilots (condor_q -af User, on the access point); may be repeated',
  ),
  new Option('--token <file>', 'the file with the token for the pilots'),
  new Option('--osg-site <name>', 'the site in OSG Topology that usage is credited to'),
  new Option('--osg-resource <name>', 'the resource of that site'),
  new Option('--scheduler <kind>', 'the batch system, where several are there'),
  new Option('--queue <queue>', 'the queue, or partition'),
  new Option('--account <account>', 'the account that is charged'),
  new Option('--project <project>', 'the project that is charged'),
  new Option('--walltime <walltime>', 'of a pilot, [D-]HH:MM:SS (default: two days, or what the queue allows)'),
  new Option('--gpus <N>', 'GPUs of each pilot'),
  new Option('--cores <N>', 'cores of each pilot (default: the whole node)'),
  new Option('--module <module>', 'the module that brings Apptainer or Singularity to the nodes'),
  new Option('--image <path>', 'a SIF that is on the cluster already'),
  new Option('--target <N>', 'how many pilots there should be (default: 1)'),
  several('--set <key=value>', 'any other key, as `site set` takes it; may be repeated'),
  new Option('--replace', 'a profile of the same name may be replaced'),
];

/** `init`: each question has an option, and a profile can be written from these alone. */
export function addInit(program: Adder): void {
  program.add<InitFlags>(
    'init [site]',
    'ask, look at the cluster, and write a profile; without a terminal from options alone',
    ([site], flags) =>
      async ({ configDir, dataDir, context, screen }) => {
        const { initSite } = await import('../commands/init.ts');
        const { initVoice } = await import('./init-voice.ts');
        const { initOutcome } = await import('./init-outcome.ts');
        const { set: assignments = [], replace: replaces = false, dryRun: dry = false } = flags;
        const options = { configDir, dataDir, said: saidIn(site, flags), assignments, replaces, dryRun: dry };
        return initOutcome(await initSite(options, initVoice(screen, context.ask), context));
      },
    [...initOptions, dryRun],
  );
}
