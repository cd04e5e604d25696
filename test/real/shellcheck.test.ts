import { expect, it } from 'vitest';
import { describeOnCluster } from '../support/cluster.ts';
import { checkedScript, scriptVariants } from '../support/script-variants.ts';

// Here, since the set-up installs shellcheck, and other tests have begun by then.
describeOnCluster('the job script', () => {
  it.each(scriptVariants)('leaves shellcheck nothing to say %s', async (_, changes) => {
    expect((await checkedScript(changes)).shellcheck).toMatchObject({ code: 0, stdout: '', stderr: '' });
  });
});
