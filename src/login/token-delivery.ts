import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { tokenDigest } from '../pilot/token.ts';
import type { Exit, RemoteProcess, Transport } from '../transports/transport.ts';
import { receiveToken, tokenHandshake } from './remote-programs.ts';
import { startCommand } from './shell-session.ts';

/** How the token gets to the login host: over the stdin of a channel of its own, and nowhere else. */

const deliverySeconds = 60;
/** A start-up file that reads stdin gets empty lines, never the token. */
const nudgeMilliseconds = 1000;

/** The digest of the token's file as `sendToken` leaves it on the login host. */
export function deliveredDigest(token: string): string {
  return tokenDigest(`${token}\n`);
}

/** Puts the token where jobs read it. `token` is its bare text. */
export async function sendToken(
  transport: Transport,
  token: string,
  place: { site: string; jobsDirectory: string },
  context: Context,
): Promise<Result<void>> {
  const { site, jobsDirectory } = place;
  context.emit({ kind: 'step', site, step: 'token' });
  const late = AbortSignal.timeout(deliverySeconds * 1000);
  const signal = AbortSignal.any([context.signal, late]);
  const started = await startCommand(transport, receiveToken(jobsDirectory), signal);
  if (!started.ok) return started;
  const { exit, stdout, stderr } = await deliver(started.value, token);
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const step = 'sending the token';
  if (late.aborted) return failed({ kind: 'timed-out', site, step, seconds: deliverySeconds });
  if (exit.kind === 'exited' && exit.code === 0 && stdout.includes(deliveredDigest(token))) return ok(undefined);
  if (exit.kind === 'lost') return failed({ kind: 'connection-lost', site, step, reason: exit.reason });
  const what = `the token cannot be written to ${jobsDirectory}`;
  return failed({ kind: 'login-host-unusable', site, what, said: stderr.trim().slice(-400) });
}

/** Sends the token once the far side says that it reads, and collects what it says. */
async function deliver(process: RemoteProcess, token: string): Promise<{ exit: Exit; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  process.stdin.on('error', () => {});
  const nudge = setInterval(() => process.stdin.write('\n'), nudgeMilliseconds);
  process.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString('utf8');
  });
  process.stdout.on('data', (chunk: Buffer) => {
    const begun = said.stdout.includes(tokenHandshake.ready);
    said.stdout += chunk.toString('utf8');
    if (begun || !said.stdout.includes(tokenHandshake.ready)) return;
    clearInterval(nudge);
    process.stdin.end(`\n${tokenHandshake.begin} ${deliveredDigest(token)}\n${token}\n`);
  });
  const exit = await process.exited;
  clearInterval(nudge);
  return { exit, ...said };
}
