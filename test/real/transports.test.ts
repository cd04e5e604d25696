import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openTransport } from '../../src/transports/index.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { transportContract } from '../transports/contract.ts';

describeOnCluster('transports', (cluster) => {
  it('x', () => expect(1).toBe(1));
});
