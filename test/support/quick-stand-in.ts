import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, CommandCall } from '../../src/demo/scheduler-command.ts';
import type { SpokenKind } from '../../src/demo/spoken-schedulers.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { standIn } from './stand-in.ts';

/**
 * The stand-in for tests that call its commands by the thousand: the programs are shell scripts that ask over a pipe with
 * a name, some ten times as fast as a Node each. Time is the test's, for the batch system and for `date` alike.
 */
export interface QuickStandIn extends AsyncDisposable {
  cluster: StandIn;
  clock: { seconds(): number; ahead(seconds: number): void };
  /** Submissions that reached the batch system's client, refused ones too. */
  submissions(): number;
}

export async function quickStandIn(kind: SpokenKind): Promise<QuickStandIn> {
  let now = Math.floor(Date.now() / 1000);
  const cluster = await standIn({
    scheduler: kind,
    starts: 'when told',
    runs: 'nothing',
    nodes: 12,
    hasAccounting: true,
    now: () => now * 1000,
  });
  const [programs, pipes] = [join(cluster.directory, 'bin'), join(cluster.directory, 'pipes')];
  execFileSync('sh', ['-c', 'mkdir "$1" && mkfifo "$1/ask"', 'sh', pipes]);
  const clockFile = join(pipes, 'now');
  const setClock = () => writeFileSync(clockFile, `${now}\n`);
  setClock();
  writeFileSync(join(programs, 'date'), dateProgram(clockFile), { mode: 0o755 });
  // The lock is a courtesy, and here it is none at all.
  writeFileSync(join(programs, 'flock'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
  const { system, faults, scheduler } = cluster;
  const user = { name: cluster.environment['USER'] ?? '', uid: process.getuid?.() ?? 0 };
  const commands = scheduler.commands({ system, faults, user, hasAccounting: true });
  for (const name of commands.programs) writeFileSync(join(programs, name), client(pipes, name), { mode: 0o755 });
  let submissions = 0;
  const requests = listen(pipes, async (request) => {
    if (isSubmission(request.program)) submissions += 1;
    return commands.answer(request);
  });
  return {
    cluster,
    clock: {
      seconds: () => now,
      ahead: (seconds) => {
        now += seconds;
        setClock();
      },
    },
    submissions: () => submissions,
    async [Symbol.asyncDispose]() {
      requests.destroy();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

const isSubmission = (program: string) => ['sbatch', 'qsub', 'bsub'].includes(program);

const dateProgram = (clockFile: string) => `#!/bin/sh
read -r now < ${clockFile}
case $* in
+%s) echo $now ;;
*) PATH=/usr/bin:/bin; exec date "$@" ;;
esac
`;

/** What of its environment a client tells: what changes its answers. */
const told = ['HOME', 'TZ', 'LSB_NTRIES', 'LSB_DISPLAY_YEAR', 'SLURM_TIME_FORMAT', 'SLURM_BITSTR_LEN'];

const client = (pipes: string, name: string) => `#!/bin/sh
r=${pipes}/$$
{ printf '%s\\0' ${told.map((variable) => `"${variable}=\${${variable}-}"`).join(' ')} ${name} "$@"; } > $r.ask
${isSubmission(name) ? 'cat > $r.in' : ': > $r.in'}
mkfifo $r.code 2>/dev/null
echo $$ > ${pipes}/ask
read -r code < $r.code
if [ -s $r.err ]; then cat $r.err >&2; fi
if [ -s $r.out ]; then exec 3< $r.out; cat <&3; fi
exit $code
`;

/** Answers each client whose number comes through the pipe. */
function listen(pipes: string, answer: (call: CommandCall) => Promise<Answer | null>): Socket {
  const socket = new Socket({
    fd: openSync(join(pipes, 'ask'), constants.O_RDWR | constants.O_NONBLOCK),
    readable: true,
    writable: false,
  });
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) void serve(join(pipes, line), answer);
  });
  return socket;
}

async function serve(at: string, answer: (call: CommandCall) => Promise<Answer | null>): Promise<void> {
  const words = readFileSync(`${at}.ask`, 'utf8').split('\0').slice(0, -1);
  const pairs = words.slice(0, told.length).map((pair) => [pair.replace(/=.*/s, ''), pair.replace(/^[^=]*=/, '')]);
  const environment = Object.fromEntries(pairs.filter(([, value]) => value !== '')) as Record<string, string>;
  const [program = '', ...args] = words.slice(told.length);
  const input = readFileSync(`${at}.in`, 'utf8');
  const said = await answer({ program, args, environment, directory: '/', readStdin: async () => input });
  if (said === null) return;
  writeFileSync(`${at}.out`, said.stdout);
  writeFileSync(`${at}.err`, said.stderr);
  await tell(`${at}.code`, `${said.code}\n`);
}

/** Writes into a pipe that somebody is about to read from; who was killed meanwhile needs no answer. */
async function tell(pipe: string, text: string): Promise<void> {
  for (let tries = 0; tries < 2000; tries += 1) {
    try {
      const fd = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
      writeSync(fd, text);
      closeSync(fd);
      return;
    } catch {
      await sleep(1);
    }
  }
}
