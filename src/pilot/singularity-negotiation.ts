/**
 * How a GlideinWMS pilot decides whether it starts jobs in containers: what the frontend wants of Singularity (or
 * Apptainer) against what the factory requires at the site (`combine_requirements` in its singularity_setup.sh).
 */

/** `GLIDEIN_Singularity_Use`, the frontend's wish. */
export type SingularityUse = 'NEVER' | 'OPTIONAL' | 'PREFERRED' | 'REQUIRED' | 'DISABLE_GWMS';

/** `GLIDEIN_SINGULARITY_REQUIRE`, the factory's condition. */
export type SingularityRequirement = 'NEVER' | 'OPTIONAL' | 'PREFERRED' | 'REQUIRED' | 'REQUIRED_GWMS';

/**
 * `PREFERRED`: used where it works. `REQUIRED`: the pilot ends where it does not. `NEVER`: not used. `DISABLE`: left to
 * whoever comes after. `FAIL`: the two contradict each other, and the pilot ends.
 */
export type SingularityDecision = 'FAIL' | 'DISABLE' | 'NEVER' | 'PREFERRED' | 'REQUIRED';

/** What comes of a wish and a condition. */
export function singularityDecision(use: SingularityUse, requirement: SingularityRequirement): SingularityDecision {
  const isRequired = requirement === 'REQUIRED' || requirement === 'REQUIRED_GWMS';
  if (use === 'DISABLE_GWMS') return requirement === 'REQUIRED_GWMS' ? 'FAIL' : 'DISABLE';
  if (use === 'NEVER') return isRequired ? 'FAIL' : 'NEVER';
  if (use === 'REQUIRED') return requirement === 'NEVER' ? 'FAIL' : 'REQUIRED';
  if (isRequired) return 'REQUIRED';
  const isPreferred = use === 'PREFERRED' || requirement === 'PREFERRED';
  return isPreferred && requirement !== 'NEVER' ? 'PREFERRED' : 'NEVER';
}
