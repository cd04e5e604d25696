import { describe, expect, it } from 'vitest';
import { BatchSystem } from '../../src/demo/batch-system.ts';
import { Faults } from '../../src/demo/faults.ts';
import { startNothing } from '../../src/demo/job-program.ts';
import { clusterName } from '../../src/demo/scheduler-command.ts';
import { type SpokenKind, spokenSchedulers } from '../../src/demo/spoken-schedulers.ts';
import { recordings } from '../support/recordings.ts';

/** The stand-in's words and exit statuses are those that were recorded: the very commands are typed again. */

const cases: readonly [kind: SpokenKind, system: string, server: string, commands: readonly string[]][] = [
  [
    'pbs',
    'openpbs-23.06.06',
    'pbs1',
    [
      'qsub -q nosuch sleep.sh',
      'qsub -l nosuchres=3 sleep.sh',
      'qsub -l select=x:ncpus=1 sleep.sh',
      'qsub -l select=1:ncpus sleep.sh',
      'qsub -l walltime=abc sleep.sh',
      'qsub -l walltime=-5 sleep.sh',
      'qsub -Z sleep.sh',
      'qsub -J 5-5 -N one arr.sh',
      'qsub -J 5 -N one arr.sh',
      'qsub -J 1,3,9 -N lst arr.sh',
      'qsub -J 9-3 -N rev arr.sh',
      'qsub -J 1-10001 -N big arr.sh',
      'qsub crlf.sh',
      'qsub /nonexistent.sh',
      'qstat 99999',
      'qdel 99999',
      'qdel nonsense',
    ],
  ],
  [
    'lsf',
    'openlava-4.0.0',
    'vm',
    [
      'bsub -q nosuch sleep 1',
      'bsub -n 0 sleep 1',
      'bsub -n abc sleep 1',
      'bsub -n 64 -J toomany sleep 1',
      'bsub -R "span[hosts=2]" sleep 1',
      'bsub -W abc sleep 1',
      'bsub -W 1:2:3 sleep 1',
      'bsub -Z sleep 1',
      'bsub -J "zero[0-2]" ./arr.sh',
      'bsub -J "rev[9-3]" ./arr.sh',
      'bsub -J "big[1-1001]" ./arr.sh',
      'bsub < /dev/null',
      'bjobs',
      'bjobs -a -w',
      'bjobs -s',
    ],
  ],
];

const scripts: Readonly<Record<string, string>> = { 'crlf.sh': '#!/bin/bash\r\necho hi\r\n' };

describe.each(cases)('%s', (kind, system, server, commands) => {
  const recorded = new Map(
    recordings(system)
      .toReversed()
      .map((one) => [one.command.replace(/^cd \S+ 2>\/dev\/null; /, ''), one]),
  );

  it.each(commands)('%s', async (command) => {
    const real = recorded.get(command);
    if (real === undefined) throw new Error('nobody recorded that');
    const { stdout, stderr, code } = await typed(kind, command);
    const asRecorded = (text: string) => text.replaceAll(clusterName, server);
    expect({ stdout: asRecorded(stdout), stderr: asRecorded(stderr), code }).toEqual({
      stdout: real.stdout,
      stderr: real.stderr,
      code: real.code,
    });
  });
});

async function typed(kind: SpokenKind, command: string) {
  const system = new BatchSystem({
    cluster: {
      name: clusterName,
      nodes: ['n1'],
      coresPerNode: 16,
      memoryMBPerNode: 24_000,
      queues: [{ name: 'workq', maxWalltimeSeconds: 172_800 }],
      maxArraySize: kind === 'pbs' ? 10_000 : 1001,
    },
    startJob: startNothing,
    ...{ scheduleEveryMs: null, killWaitMs: 1, rememberMs: 60_000, firstNumber: 1 },
  });
  const ground = { system, faults: new Faults(), user: { name: 'alice', uid: 1002 }, hasAccounting: false };
  const [program = '', ...args] = [...command.replace(/ < .*/, '').matchAll(/"([^"]*)"|(\S+)/g)].map(
    ([, quoted, bare]) => quoted ?? bare ?? '',
  );
  const file = args.find((word) => word in scripts);
  const words = file === undefined ? args.map((word) => (/^(?:sleep|arr)\.sh$/.test(word) ? '-' : word)) : ['-'];
  const input = file !== undefined ? (scripts[file] ?? '') : command.includes('/dev/null') ? '' : 'sleep 100\n';
  const call = {
    program,
    args: words,
    environment: { HOME: '/home/alice' },
    directory: '/',
    readStdin: async () => input,
  };
  const answer = await spokenSchedulers[kind].commands(ground).answer(call);
  await system.stop();
  if (answer === null) throw new Error('no answer');
  return answer;
}
