import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { demoAccount } from '../../src/demo/account.ts';
import { type Desk, setUpDesk } from '../../src/demo/desk.ts';
import { writeProgram } from '../../src/demo/programs.ts';
import type { StandIn } from '../../src/demo/stand-in.ts';
import { commandLine, quote } from '../../src/shell.ts';
import { atTerminal } from './at-terminal.ts';
import { freePorts } from './free-ports.ts';
import type { Recordings } from './readme-recordings.ts';
import { standIn, startJob, until } from './stand-in.ts';

/** Makes the terminal recordings of README.md: the built program, really run on a terminal, on the stand-in cluster. */

const program = fileURLToPath(new URL('../../bin/glidein.js', import.meta.url));

/** All of them; about 20 s. Needs what `hasTerminals` asks for. */
export async function makeRecordings(): Promise<Recordings> {
  await using login = await standIn({ login: true, hasAccounting: true, starts: 'when told' });
  const place = await placeAt(login);
  const demo = await recordDemo(place);
  await typed(place, 'glidein site import campus.json');
  const discover = await typed(place, 'glidein discover campus');
  const { status, logs } = await recordStatus(place);
  const failing = await recordFailures(place);
  return { 'demo-in-short': essenceOf(demo), demo, discover, status, logs, 'failing-top-up': failing };
}

/** Where commands are typed, and what they reach. */
interface Place {
  login: StandIn;
  desk: Desk;
  /** Nobody listens there. */
  deadPort: number;
}

async function placeAt(login: StandIn): Promise<Place> {
  const [deadPort] = await freePorts(1);
  if (login.loginNode === null || deadPort === undefined) throw new Error('there is no login node, or no free port');
  const desk = setUpDesk({ ...login.loginNode, home: join(login.directory, 'desk'), target: 6 });
  const programs = join(desk.home, 'bin');
  writeProgram(programs, 'glidein', `#!/bin/sh\nexec ${commandLine([process.execPath, program])} "$@"\n`);
  // One more host that it knows, and that is not there.
  renameSync(join(programs, 'ssh'), join(programs, 'ssh-campus'));
  const settings = ['hostname 127.0.0.1', `port ${deadPort}`, 'user ada', 'identityagent none'].join('\\n');
  const choice = `case $* in *login.physics*) printf '${settings}\\n' ;; *) exec ssh-campus "$@" ;; esac`;
  writeProgram(programs, 'ssh', `#!/bin/sh\n${choice}\n`);
  putImage(login, 'is there');
  return { login, desk, deadPort };
}

function putImage({ home }: StandIn, there: 'is there' | 'is gone'): void {
  const [file, away] = [join(home, 'ospool-ep.sif'), join(home, 'ospool-ep.sif.away')];
  if (there === 'is there') writeFileSync(file, 'the image of a stand-in pilot\n', { mode: 0o644 });
  else renameSync(file, away);
}

/** Types commands in one shell on one terminal of 100 columns; gives what is on it afterwards. */
async function typed({ login, desk, deadPort }: Place, ...commands: string[]): Promise<string> {
  // What is typed is shown as at a prompt, and `$?` stays what it was.
  const each = commands.map((command) => `code=$?; printf '%s\\n' ${quote(`$ ${command}`)}; (exit $code); ${command}`);
  const { NO_COLOR: _never, ...environment } = desk.environment;
  const env = { ...environment, TERM: 'xterm', LANG: 'C.UTF-8' };
  const lines = [`cd ${quote(desk.home)}`, 'stty cols 100 rows 50', ...each, 'exit 0'];
  const { screen } = await atTerminal(lines.join('\n'), { env });
  return lastSeen(screen)
    .replaceAll(desk.home, '/home/ada')
    .replaceAll(login.home, '/home/ada')
    .replaceAll(/\/\S*\/glidein-demo-\w{6}/g, '/tmp/glidein-demo-…')
    .replaceAll(/(127\.0\.0\.1:|port )(\d+)/g, (found, words: string, port: string) =>
      Number(port) === deadPort ? `${words}22` : found,
    );
}

const clearLine = '\r\u001b[K';

/** What a terminal shows once all is over: without colours, and without lines that were wiped. */
function lastSeen(screen: string): string {
  return screen
    .split('\n')
    .map((line) => stripVTControlCharacters(line.slice(line.lastIndexOf(clearLine) + 1)).replaceAll('\r', ''))
    .join('\n')
    .trimEnd();
}

async function recordDemo(place: Place): Promise<string> {
  const screen = await typed(place, 'glidein demo');
  const user = (demoAccount(true)?.name ?? '').slice(0, 8).padStart(8);
  return screen.replaceAll(`g-campus ${user} `, `g-campus ${'ada'.padStart(8)} `);
}

/** The chapters that show what the program is for: the target, and a pilot that is replaced. */
function essenceOf(demo: string): string {
  const [from, to] = ['\n3. ', '\n5. '].map((title) => demo.indexOf(title));
  if (from === undefined || to === undefined || from < 0 || to < from)
    throw new Error(`the demo ended early:\n${demo}`);
  return demo.slice(from, to).trim();
}

/** On a cluster of four nodes: one pilot dies with its node, one finds no image, three run, and some wait. */
async function recordStatus(place: Place): Promise<{ status: string; logs: string }> {
  const { login } = place;
  await typed(place, 'glidein top-up campus');
  startJob(login, '101_0');
  login.system.loseNode('node1');
  // What ends is listed by the second of its end, and the last one first.
  await sleep(1500);
  putImage(login, 'is gone');
  startJob(login, '101_1');
  await until(() => stateOf(login, '101_1') === 'over');
  putImage(login, 'is there');
  for (const id of ['101_2', '101_3', '101_4']) startJob(login, id);
  // Two died at once, so that the next pass would wait a minute.
  await typed(place, 'glidein resume campus');
  await typed(place, 'glidein top-up campus');
  const status = await typed(place, 'glidein status campus');
  return { status, logs: await typed(place, 'glidein logs campus 101_1') };
}

function stateOf({ system }: StandIn, id: string): string | undefined {
  return system.history().find(({ submission, index }) => id === `${submission}_${index}`)?.state;
}

/** Three sites in one pass: one does what it should, one asks for more than its queue allows, one cannot be reached. */
async function recordFailures(place: Place): Promise<string> {
  const { login, desk } = place;
  for (const job of login.system.alive()) if (job.state === 'waiting') login.system.cancel(job);
  const profile = JSON.parse(desk.profile) as { scheduler: object };
  const others = {
    chemistry: { ...profile, name: 'chemistry', scheduler: { ...profile.scheduler, walltime: '3-00:00:00' } },
    physics: { ...profile, name: 'physics', connection: { host: 'login.physics' } },
  };
  for (const [name, other] of Object.entries(others)) {
    writeFileSync(join(desk.home, `${name}.json`), JSON.stringify(other));
    await typed(place, `glidein site import ${name}.json`);
  }
  return typed(place, 'glidein top-up --all', 'echo $?');
}
