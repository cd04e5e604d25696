import { describe, expect, it } from 'vitest';
import {
  type SingularityRequirement,
  type SingularityUse,
  singularityDecision,
} from '../../src/pilot/singularity-negotiation.ts';

const uses: readonly SingularityUse[] = ['NEVER', 'OPTIONAL', 'PREFERRED', 'REQUIRED', 'DISABLE_GWMS'];

// GlideinWMS's published table: a line for each requirement of the factory, a column for each wish of the frontend.
const table: readonly (readonly [SingularityRequirement, string])[] = [
  ['NEVER', 'NEVER NEVER NEVER FAIL DISABLE'],
  ['OPTIONAL', 'NEVER NEVER PREFERRED REQUIRED DISABLE'],
  ['PREFERRED', 'NEVER PREFERRED PREFERRED REQUIRED DISABLE'],
  ['REQUIRED', 'FAIL REQUIRED REQUIRED REQUIRED DISABLE'],
  ['REQUIRED_GWMS', 'FAIL REQUIRED REQUIRED REQUIRED FAIL'],
];

describe('the negotiation about Singularity', () => {
  it.each(table)('comes to what GlideinWMS comes to where the factory says %s', (requirement, decisions) => {
    expect(uses.map((use) => singularityDecision(use, requirement)).join(' ')).toBe(decisions);
  });
});
