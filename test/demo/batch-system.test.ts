import { afterEach, describe, expect, it } from 'vitest';
import {
  BatchSystem,
  type BatchSystemOptions,
  type JobRequest,
  type ProgramEnd,
  type RunningProgram,
} from '../../src/demo/batch-system.ts';
import { until } from '../support/stand-in.ts';

/** Programs that end when the test says so, and note the signals they get. */
class Programs {
  readonly signals: string[] = [];
  private readonly finishers: ((end: ProgramEnd) => void)[] = [];

  start(): RunningProgram {
    const exited = new Promise<ProgramEnd>((resolve) => this.finishers.push(resolve));
    return {
      exited,
      send: (signal) => void this.signals.push(signal),
      tellShell: () => void this.signals.push('SIGTERM'),
    };
  }
  end(at: number, exitCode: number): void {
    this.finishers[at]?.({ exitCode, signal: null });
  }
}

const request: JobRequest = {
  name: 'g-campus',
  comment: null,
  queue: 'compute',
  script: '#!/bin/sh\n',
  directory: '/',
  walltimeSeconds: 3600,
  held: false,
  indices: [0, 1, 2],
  blockedBy: null,
  environment: () => ({}),
  outputFile: () => '/dev/null',
};

let system: BatchSystem;
let programs: Programs;
function start(more: Partial<BatchSystemOptions> = {}): void {
  programs = new Programs();
  system = new BatchSystem({
    cluster: {
      name: 'c',
      nodes: ['n1', 'n2'],
      coresPerNode: 1,
      memoryMBPerNode: 1,
      queues: [{ name: 'compute', maxWalltimeSeconds: 7200 }],
      maxArraySize: 10,
    },
    startJob: () => programs.start(),
    scheduleEveryMs: 5,
    killWaitMs: 20,
    rememberMs: 60_000,
    firstNumber: 7,
    ...more,
  });
}
afterEach(async () => {
  const stopping = system.stop();
  for (let at = 0; at < 10; at += 1) programs.end(at, 0);
  await stopping;
});
const states = () => system.jobs().map((job) => job.state);
const job = (at: number) => {
  const found = system.jobs()[at];
  if (found === undefined) throw new Error(`there is no job ${at}`);
  return found;
};

describe('the batch system', () => {
  it('gives each job a node for itself, and the next one a node that became free', async () => {
    start();
    expect(system.submit(request)).toBe(7);
    await until(() => states().join() === 'running,running,waiting');
    expect([job(0).node, job(1).node]).toEqual(['n1', 'n2']);
    programs.end(0, 0);
    await until(() => states().join() === 'over,running,running');
    expect(job(2).node).toBe('n1');
    expect(job(0)).toMatchObject({ ending: 'done', exitCode: 0 });
  });

  it('gives tasks that leave their array a number of their own, and the last one the number of the array', async () => {
    start({ scheduleEveryMs: null });
    system.submit(request);
    expect(system.startNow(job(0))).toBe(true);
    system.hold(job(2));
    expect(system.startNow(job(1))).toBe(true);
    expect(system.jobs().map((one) => one.number)).toEqual([8, 7, 9]);
    expect(system.submit(request)).toBe(10);
  });

  it('starts no job that is held, or that can never start', async () => {
    start();
    system.submit({ ...request, indices: null, held: true });
    system.submit({ ...request, indices: null, blockedBy: 'TooLarge' });
    system.submit({ ...request, indices: null });
    await until(() => job(2).state === 'running');
    expect(states()).toEqual(['waiting', 'waiting', 'running']);
    system.release(job(0));
    await until(() => job(0).state === 'running');
  });

  it('ends a job that runs with a friendly signal, and later with the last one', async () => {
    start();
    system.submit({ ...request, indices: null });
    await until(() => job(0).state === 'running');
    system.cancel(job(0));
    expect(job(0).state).toBe('ending');
    await until(() => programs.signals.length === 2);
    expect(programs.signals).toEqual(['SIGTERM', 'SIGKILL']);
    programs.end(0, 143);
    await until(() => job(0).state === 'over');
    expect(job(0)).toMatchObject({ ending: 'cancelled', exitCode: 143 });
  });

  it('ends it with the signals that it is told, each when the one before was given time', async () => {
    start({ endSignals: (ending) => (ending === 'cancelled' ? ['SIGINT', 'SIGTERM', 'SIGKILL'] : ['SIGUSR2']) });
    system.submit({ ...request, indices: null });
    system.submit({ ...request, indices: null, walltimeSeconds: 0.01 });
    await until(() => programs.signals.includes('SIGUSR2'));
    system.cancel(job(0));
    expect(programs.signals).toEqual(['SIGUSR2', 'SIGINT']);
    await until(() => programs.signals.length === 4);
    expect(programs.signals).toEqual(['SIGUSR2', 'SIGINT', 'SIGTERM', 'SIGKILL']);
  });

  it('gives tasks no number of their own where they have none', () => {
    start({ scheduleEveryMs: null, numbersTasks: false });
    system.submit(request);
    system.startNow(job(0));
    system.hold(job(2));
    expect(system.jobs().map((one) => one.number)).toEqual([7, null, 7]);
    expect(system.submit(request)).toBe(8);
  });

  it('goes by the clock that it is given', () => {
    let now = 1_000_000;
    start({ scheduleEveryMs: null, now: () => now });
    system.submit({ ...request, indices: null }, 200);
    expect(system.jobs()).toEqual([]);
    now += 200_000;
    expect(system.jobs()).toMatchObject([{ submittedAt: 1_200_000 }]);
    system.cancel(job(0));
    now += 60_001;
    expect(system.jobs()).toEqual([]);
  });

  it('sends no last signal to what ended in time', async () => {
    start();
    system.submit({ ...request, indices: null });
    await until(() => job(0).state === 'running');
    system.cancel(job(0));
    programs.end(0, 0);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(programs.signals).toEqual(['SIGTERM']);
  });

  it('ends a job at its wall clock', async () => {
    start();
    system.submit({ ...request, indices: null, walltimeSeconds: 0.05 });
    await until(() => states()[0] === 'ending');
    programs.end(0, 0);
    await until(() => states()[0] === 'over');
    expect(job(0).ending).toBe('out of time');
  });

  it('loses a node with its job, and starts nothing there any more', async () => {
    start();
    system.submit(request);
    await until(() => states()[1] === 'running');
    expect(system.loseNode('n2')).toBe(job(1));
    expect(job(1)).toMatchObject({ state: 'over', ending: 'node lost' });
    expect(programs.signals).toEqual(['SIGKILL']);
    programs.end(1, 137);
    await new Promise((resolve) => setTimeout(resolve, 40));
    expect(states()).toEqual(['running', 'over', 'waiting']);
  });

  it('tells of a late job only once it is there, and starts it only then', async () => {
    start();
    system.submit({ ...request, indices: null }, 0.1);
    expect(system.jobs()).toEqual([]);
    expect(system.alive()).toHaveLength(1);
    await until(() => states()[0] === 'running');
  });

  it('forgets what ended some time ago, but not in its history', async () => {
    start({ rememberMs: 30 });
    system.submit({ ...request, indices: null, held: true });
    system.cancel(job(0));
    expect(states()).toEqual(['over']);
    await until(() => system.jobs().length === 0);
    expect(system.history()).toHaveLength(1);
  });
});
