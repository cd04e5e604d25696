import { expect, it } from 'vitest';
import { nodeProgram } from '../../src/login/node-facts.ts';
import { describeOnCluster } from '../support/cluster.ts';
import { nodeTrialVariants } from '../support/node-trial.ts';
import { checkedScript, scriptVariants, shellChecks } from '../support/script-variants.ts';

// Here, since the set-up installs shellcheck, and other tests have begun by then.
describeOnCluster('the job script', () => {
  it.each(scriptVariants)('leaves shellcheck nothing to say %s', async (_, changes) => {
    expect((await checkedScript(changes)).shellcheck).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
  it.each(nodeTrialVariants)('that tries out a node leaves it nothing to say %s', async (_, wanted) => {
    expect((await shellChecks(nodeProgram(wanted))).shellcheck).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
