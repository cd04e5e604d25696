import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import type { Context } from '../context.ts';
import { type Failure, failed, ok, type Result } from '../failure.ts';
import type { LoginBrake } from './login-brake.ts';
import { endMaster, liveMaster, type Master } from './mux-socket.ts';
import { masterOptions, plainOptions, targetOf } from './openssh.ts';
import { loginEndOf, refusalFailure } from './openssh-refusal.ts';
import { hasSafeSockets, lastingSocket, prepareSocketDirectory } from './socket-directory.ts';
import { type Refusal, refusalIn } from './ssh-client-log.ts';
import { destination, type SshSettings } from './ssh-config.ts';
import { silentEnvironment } from './ssh-process.ts';
import type { Endpoint } from './transport.ts';

/** A connection that nobody used for this long ends by itself. */
export const lastingIdleSeconds = 24 * 3600;

/** A name that goes with a socket and its log while a person logs in. */
interface Making {
  endpoint: Endpoint;
  settings: SshSettings;
  socket: string;
  logFile: string;
}

/**
 * Opens the master connection that later passes go through. With a terminal `ssh` asks the person there for what the
 * server wants; without one it must work without a question. Answers when it is up. Nobody else may be opening the same
 * one: of two, one would be left over. Once: what was refused is not tried again.
 */
export async function openLastingMaster(
  endpoint: Endpoint,
  settings: SshSettings,
  brake: LoginBrake,
  context: Context,
): Promise<Result<Master>> {
  const prepared = await prepareSocketDirectory();
  if (!prepared.ok) return prepared;
  const held = await brake.holds();
  if (held !== null) return failed(held);
  const socket = lastingSocket(endpoint);
  // Of a master that was killed. `ssh` would find its name taken.
  await rm(socket, { force: true });
  const making = { endpoint, settings, socket, logFile: `${socket}.log` };
  context.emit({ kind: 'step', site: endpoint.site, step: 'connect', detail: targetOf(settings) });
  const code = await runSsh(making, context);
  const log = await readFile(making.logFile, 'utf8').catch(() => '');
  await rm(making.logFile, { force: true });
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const master = code === 0 ? await liveMaster(socket) : null;
  if (master === null) return notOpened(typeof code === 'string' ? code : log, making, brake, context);
  await brake.learn({ kind: 'logged in', person: null });
  return ok(master);
}

/** Closes the connection that `openLastingMaster` opened; never one of the user's own. False: there was none. */
export async function closeLastingMaster(endpoint: Endpoint): Promise<boolean> {
  return (await hasSafeSockets()) && endMaster(lastingSocket(endpoint));
}

/** Its exit code, or why it could not be started. Its own words go to the log: it is we who say what they mean. */
async function runSsh({ endpoint, settings, socket, logFile }: Making, context: Context): Promise<number | string> {
  const isAttended = context.ask !== null;
  const words = [
    ...['-E', logFile, '-o', 'LogLevel=INFO', '-N', '-f'],
    ...plainOptions,
    ...masterOptions(settings, { socket, idleSeconds: lastingIdleSeconds }),
    ...['-o', `ConnectTimeout=${endpoint.connectSeconds}`],
    // A second wrong answer is the person's to give, in a login of its own: servers count.
    ...(isAttended ? ['-o', 'BatchMode=no', '-o', 'NumberOfPasswordPrompts=1'] : ['-o', 'BatchMode=yes']),
    ...destination(endpoint),
  ];
  const child = isAttended
    ? spawn('ssh', words, { stdio: ['inherit', 2, 2] })
    : spawn('ssh', words, { stdio: 'ignore', detached: true, env: silentEnvironment() });
  return endOf(child, context.signal);
}

async function endOf(child: ChildProcess, signal: AbortSignal): Promise<number | string> {
  const stop = () => child.kill();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return code ?? 255;
  } catch (error) {
    return `the program \`ssh\` cannot be started: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function notOpened(
  log: string,
  { endpoint, settings }: Making,
  brake: LoginBrake,
  context: Context,
): Promise<Result<never>> {
  const refusal = refusalIn(log);
  const target = targetOf(settings);
  const failure = refusalFailure(refusal, { endpoint, target, settings, said: '' });
  const end = loginEndOf(refusal, failure);
  if (end !== null) await brake.learn(end);
  return failed(inWordsForThePerson(failure, refusal, { isThere: context.ask !== null }));
}

/** Who logs in knows that a login is needed: the news is that it was refused, or that nobody could be asked. */
function inWordsForThePerson(failure: Failure, refusal: Refusal, person: { isThere: boolean }): Failure {
  if (failure.kind !== 'login-needed' || refusal.kind !== 'refused') return failure;
  if (person.isThere) return { ...failure, why: `the server refused what was given (${refusal.said})` };
  const what = `an answer to what ${failure.target} asks (${refusal.methods.join(', ')})`;
  return { kind: 'needs-terminal', site: failure.site, what, hint: `glidein login ${failure.site}   (at a terminal)` };
}
