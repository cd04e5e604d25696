import type { Bind } from './binds.ts';
import { type CvmfsValues, cvmfsWords } from './cvmfs.ts';
import { type SingularityDecision, singularityDecision } from './singularity-negotiation.ts';

/** Whether the containers that jobs bring will work in a pilot, as far as it can be known before the pilot is on its node. */

/** What a profile decides of it. */
export interface JobContainerFacts extends CvmfsValues {
  gpus: boolean;
  binds: readonly Bind[];
  /** The image's `SINGULARITY_DISABLE_PID_NAMESPACES`, as the pilot gets it. */
  disablePidNamespaces: boolean;
}

/** Written into the image's own configuration; no variable changes either (ospool-ep, series 25). */
const imageUse = 'PREFERRED';
const imageRequirement = 'OPTIONAL';

const outcomes: Readonly<Record<SingularityDecision, string>> = {
  FAIL: 'no pilot starts with this image',
  DISABLE: 'the image leaves them to the job',
  NEVER: 'not used',
  PREFERRED:
    'used where Apptainer works inside the pilot, which only the node can tell (user namespaces, /dev/fuse); else the pilot takes only jobs that need none',
  REQUIRED: 'used; where Apptainer does not work inside the pilot, it ends',
};

/** One line for a person, to follow "jobs' own containers: ". */
export function jobContainerWords(facts: JobContainerFacts): string {
  const parts = [
    outcomes[singularityDecision(imageUse, imageRequirement)],
    cvmfsWords(facts, bindsCvmfs(facts)),
    processWords(facts),
  ];
  return parts.filter((part) => part !== null).join('; ');
}

function bindsCvmfs({ binds }: JobContainerFacts): boolean {
  return binds.some(({ source, target }) => /^:?\/cvmfs(?:[/:]|$)/.test(target === '' ? source : target));
}

function processWords({ gpus, disablePidNamespaces }: JobContainerFacts): string | null {
  if (!disablePidNamespaces) return null;
  return `jobs of one pilot see each other's processes (PID namespaces are off${gpus ? ', as GPUs need it' : ''})`;
}
