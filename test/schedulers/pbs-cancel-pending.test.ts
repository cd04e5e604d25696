import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pbs } from '../../src/schedulers/pbs.ts';
import { run } from '../support/run-program.ts';

/** What the program for pilots that have not started does with the clients: here scripts that write down how they were called. */

let place: string;
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'glidein-clients-'));
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

function client(name: string, body: string): void {
  writeFileSync(join(place, name), `#!/bin/sh\necho "${name} $*" >> ${place}/calls\n${body}\n`);
  chmodSync(join(place, name), 0o755);
}
const job = (id: string, state: string, hold: string) =>
  `Job Id: ${id}\\n    Job_Name = g\\n    job_state = ${state}\\n    Hold_Types = ${hold}\\n\\n`;

/** Asks for these to be cancelled where none of them has started; what was called, and with what it ended. */
async function cancel(ids: readonly string[]) {
  const command = pbs.cancelCommand(ids, { onlyPending: true });
  const ran = await run('sh', ['-c', command], { env: { PATH: `${place}:/usr/bin:/bin` }, seconds: 10 });
  return { code: ran.code, calls: readFileSync(join(place, 'calls'), 'utf8').trim().split('\n') };
}

it('deletes what is held and has not started, one by one, and lets the rest go again', async () => {
  client('qhold', '');
  client(
    'qstat',
    `printf '${job('5[0].s', 'R', 'u')}${job('5[1].s', 'Q', 'u')}${job('6.s', 'H', 'u')}${job('7.s', 'Q', 'n')}'`,
  );
  client('qdel', '');
  client('qrls', '');
  expect(await cancel(['5[0].s', '5[1].s', '6.s', '7.s'])).toEqual({
    code: 0,
    calls: [
      'qhold -h u 5[].s 6.s 7.s',
      'qstat -f 5[0].s 5[1].s 6.s 7.s',
      'qdel 5[1].s',
      'qdel 6.s',
      'qrls -h u 5[].s 6.s 7.s',
    ],
  });
});

it('deletes nothing that could not be held, and says so', async () => {
  client('qhold', 'echo "qhold: Unauthorized Request  6.s" >&2; exit 159');
  client('qstat', `printf '${job('6.s', 'Q', 'n')}'`);
  client('qrls', '');
  expect(await cancel(['6.s'])).toEqual({ code: 159, calls: ['qhold -h u 6.s', 'qstat -f 6.s', 'qrls -h u 6.s'] });
});

it('lets everything go again although it was told to end', async () => {
  client('qhold', 'kill -TERM $PPID');
  client('qstat', 'exit 1');
  client('qrls', '');
  expect((await cancel(['6.s'])).calls.at(-1)).toBe('qrls -h u 6.s');
});
