import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../context.ts';
import { quote, quotePath } from '../shell.ts';
import type { Transport } from '../transports/transport.ts';
import { startFarSide } from './far-side.ts';
import { loginCommand } from './session-command.ts';

/** Images on the login host that nobody needs any more. */

/** Where they are, and who may need them. */
export interface OldImages {
  directory: string;
  /** Of the sites whose jobs name images in it. */
  siteDirectories: readonly string[];
  /** Names of images that stay. */
  kept: readonly string[];
}

/** So many stay in any case, the newest. */
const lastKept = 2;
const secondsForIt = 60;

/**
 * The program that takes away images which are neither among the last nor named by a job. The scripts of queued and
 * running jobs are there as long as these are; where scripts cannot be read, nothing is taken away. Of other files in the
 * directory none is touched.
 */
export function clearingProgram({ directory, siteDirectories, kept }: OldImages, mark: string): string {
  const scripts = siteDirectories.map((site) => `${quotePath(site.replace(/\/+$/, ''))}/jobs`);
  const names = kept.map((name) => quote(name)).join(' | ');
  return loginCommand(`c=${quotePath(directory)}
say() { printf '\\n%s %s\\n' ${mark} "$1"; }
cd "$c" || exit 1
for jobs in ${scripts.join(' ')}; do [ ! -e "$jobs" ] || { [ -r "$jobs" ] && [ -x "$jobs" ]; } || exit 1; done
named() {
for jobs in ${scripts.join(' ')}; do
for script in "$jobs"/*.sh; do
[ -e "$script" ] || continue
grep -qF "$1" "$script"
case $? in 1) ;; *) return 0 ;; esac
done
done
return 1
}
ls -t ./${'[0-9a-f]'.repeat(64)}.sif 2>/dev/null | tail -n +${lastKept + 1} | while IFS= read -r image; do
image=\${image#./}
case $image in ${names}) continue ;; esac
named "$image" || { rm -f "./$image" && say "cleared $image"; }
done
say cleared`);
}

/** Takes away what nobody needs. Answers the names; none, where it cannot be done. */
export async function clearOldImages(transport: Transport, images: OldImages, context: Context): Promise<string[]> {
  const late = new AbortController();
  const signal = AbortSignal.any([context.signal, late.signal]);
  const started = await startFarSide(transport, { command: (mark) => clearingProgram(images, mark), signal });
  if (!started.ok) return [];
  const far = started.value;
  far.end();
  void sleep(secondsForIt * 1000, undefined, { signal }).then(
    () => late.abort(),
    () => {},
  );
  await far.untilSaid((said) => said.includes('cleared'));
  late.abort();
  return far.said.flatMap((line) => (line.startsWith('cleared ') ? [line.slice('cleared '.length)] : []));
}
