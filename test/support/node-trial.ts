import type { NodeWanted } from '../../src/login/node-facts.ts';

/** What a job is to try out on a node, changed by `changes`. */
export const nodeTrialWanted = (changes: Partial<NodeWanted>): NodeWanted => ({
  head: '#!/bin/bash -p\n#SBATCH --job-name=gc-campus\n',
  tag: 'check-campus-0123456789',
  ...{ jobDir: '~/.glidein/campus', logDir: '~/.glidein/campus/logs', image: 'docker://registry.example.org/pilot:1' },
  ...{ modules: [], runtime: 'auto', scratch: null, gpus: false, pidNamespaces: true, repositories: [] },
  ...{ squid: null, pool: [], registry: [] },
  ...changes,
});

/** Every form that the job takes. */
export const nodeTrialVariants: [string, NodeWanted][] = [
  ['with nothing', nodeTrialWanted({})],
  [
    'with everything',
    nodeTrialWanted({
      ...{ image: '~/images/pilot 25.sif', modules: ['apptainer/1.3', "ada's"], scratch: '$LOCAL/x', gpus: true },
      ...{ pidNamespaces: false, repositories: ['oasis.opensciencegrid.org'], runtime: '/opt/apptainer' },
      squid: { host: 'squid.example.org', port: 3128 },
      pool: [{ host: 'cm.example.org', port: 9618 }],
      registry: [{ host: 'registry.example.org', port: 443 }],
    }),
  ],
];

/** A container runtime whose containers are the node itself: it starts what stands behind the image. */
export const runtimeOnNode = `#!/bin/bash
[[ $1 != --version ]] || { echo 'apptainer version 1.4.5'; exit 0; }
shift
while (($# > 0)); do
  case $1 in
    --bind) [[ $2 != *:/glidein:ro ]] || inside=\${2%%:*}; shift 2 ;;
    --workdir) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
shift
export PATH="\${0%/*}:$PATH"
if [[ $2 == /glidein/guard ]]; then exec /bin/sh "$inside/guard"; fi
exec "$@"
`;
