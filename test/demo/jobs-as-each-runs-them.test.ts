import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { SpokenKind } from '../../src/demo/spoken-schedulers.ts';
import { schedulers } from '../../src/schedulers/index.ts';
import { Dialogue } from '../support/dialogue.ts';
import { standIn, until } from '../support/stand-in.ts';

/** A job's directory, variables and signals are those that its batch system gives it. */

const script = (directives: string) => `#!/bin/bash -p
${directives}
report=$HOME/report
trap 'echo got INT >> "$report"' INT
trap 'echo got TERM >> "$report"' TERM
{
  echo "in $PWD"
  for name in SLURM_ARRAY_TASK_ID SLURMD_NODENAME PBS_ENVIRONMENT PBS_JOBID PBS_ARRAY_INDEX PBS_ARRAYID LSB_JOBID LSB_JOBINDEX LSB_MCPU_HOSTS; do
    [ -z "\${!name-}" ] || echo "$name=\${!name}"
  done
  for file in "\${PBS_NODEFILE-}" "\${LSB_DJOB_HOSTFILE-}"; do [ ! -r "$file" ] || echo "node $(cat "$file")"; done
  echo up
} >> "$report"
while :; do sleep 0.1; done
`;

const expected: Readonly<Record<SpokenKind, readonly string[]>> = {
  slurm: ['in /', 'SLURM_ARRAY_TASK_ID=1', 'SLURMD_NODENAME=node2', 'up', 'got TERM'],
  pbs: [
    ...['in HOME', 'PBS_ENVIRONMENT=PBS_BATCH', 'PBS_JOBID=101[1].stand-in', 'PBS_ARRAY_INDEX=1'],
    ...['node node2', 'up', 'got TERM'],
  ],
  torque: [
    ...['in HOME', 'PBS_ENVIRONMENT=PBS_BATCH', 'PBS_JOBID=101[1].stand-in', 'PBS_ARRAYID=1'],
    ...['node node2', 'up', 'got TERM'],
  ],
  lsf: [
    'in /',
    'LSB_JOBID=101',
    'LSB_JOBINDEX=2',
    'LSB_MCPU_HOSTS=node2 16 ',
    'node node2',
    'up',
    'got INT',
    'got TERM',
  ],
};

describe.each(Object.keys(expected) as SpokenKind[])('%s', (kind) => {
  it('starts a job where and with what it should, and ends it with its own signals', async () => {
    await using cluster = await standIn({ scheduler: kind, starts: 'when told', killWaitMs: 700 });
    const talk = new Dialogue(cluster, schedulers[kind]);
    const submission = { tag: 'campus-aaaaaaaaaa', count: 2, array: true, logDirWord: '"$l"', scriptWord: 'x.sh' };
    const directives = schedulers[kind].directives(talk.job).map((line) => `${cluster.scheduler.directive} ${line}`);
    await talk.run(schedulers[kind].submitCommand(talk.job, submission), script(directives.join('\n')));
    const [first, second] = cluster.system.alive();
    if (first === undefined || second === undefined) throw new Error('two jobs were submitted');
    // The first node is somebody else's by then.
    cluster.system.startNow(first);
    cluster.system.startNow(second);
    const report = join(cluster.home, 'report');
    const lines = () =>
      (existsSync(report) ? readFileSync(report, 'utf8') : '').split('\n').filter((line) => line !== '');
    await until(() => lines().filter((line) => line === 'up').length === 2);
    const before = lines().length;
    cluster.system.cancel(second);
    await until(() => second.state === 'over');
    expect(second).toMatchObject({ signal: 'SIGKILL', ending: 'cancelled' });
    const said = lines().map((line) => line.replace(cluster.home, 'HOME'));
    for (const line of expected[kind]) expect(said).toContain(line);
    expect(said.slice(before)).toEqual(expected[kind].filter((line) => line.startsWith('got')));
    expect(first.state).toBe('running');
    // Its own output is where it was asked for, and not in its directory.
    expect(
      readdirSync(cluster.home).filter((name) => /101/.test(name) || /campus-a/.test(name)).length,
    ).toBeGreaterThan(0);
  });
});
