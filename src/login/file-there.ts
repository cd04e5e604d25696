import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { quote, quotePath } from '../shell.ts';
import type { Transport } from '../transports/transport.ts';
import { startFarSide } from './far-side.ts';
import { loginCommand } from './session-command.ts';

/** Whether a login host has a file of this name. Changes nothing there. */
export async function isThere(
  transport: Transport,
  { site, directory, name }: { site: string; directory: string; name: string },
  context: Context,
): Promise<Result<boolean>> {
  const command = (mark: string) =>
    loginCommand(
      `if [ -f ${quotePath(directory)}/${quote(name)} ]; then answer=there; else answer=missing; fi; printf '\\n%s %s\\n' ${mark} $answer`,
    );
  const started = await startFarSide(transport, { command, signal: context.signal });
  if (!started.ok) return started;
  const far = started.value;
  await far.untilReady(['there', 'missing']);
  far.end();
  if (far.said.includes('there')) return ok(true);
  if (far.said.includes('missing')) return ok(false);
  if (context.signal.aborted) return failed({ kind: 'interrupted' });
  const reason = far.exit?.kind === 'lost' ? far.exit.reason : 'its answer did not come';
  return failed({ kind: 'connection-lost', site, step: `looking for ${name}`, reason });
}
