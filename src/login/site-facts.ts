import type { Failure, Result } from '../failure.ts';
import type { ListedJob, Scheduler } from '../schedulers/scheduler.ts';
import { commandLine, quote, quotePath } from '../shell.ts';
import type { Address } from './node-facts.ts';
import { ask, directoriesMade, distributions, images, neededTools, type Part, takeLock } from './remote-programs.ts';

/** One program that tries out on the login host what a site's pilots need there. Pure. */

/** What came of it. */
export interface SiteFacts {
  /** By the names of `factsProgram`. */
  parts: ReadonlyMap<string, Part>;
  spans: ReadonlyMap<string, Span>;
  /** The site's jobs, where the listing is whole. */
  listing: Result<readonly ListedJob[]>;
  /** What ended it before its time: then there are no parts, and the last span has no end. Null: nothing. */
  broken: Failure | null;
}

/** When a part's first and last words came here, in milliseconds since the epoch; `endedAt` null: they have not. */
export interface Span {
  beganAt: number;
  endedAt: number | null;
}

/** What is to be tried out. */
export interface FactsWanted {
  scheduler: Pick<Scheduler, 'clients' | 'discoverCommand'>;
  listCommand: string;
  timeouts: { listSeconds: number };
  /** A SIF that must be there, or null. */
  imagePath: string | null;
  /** Where images are that were shipped; null: none is wanted from there. */
  imagesDirectory: string | null;
  /** Where a CVMFS distribution may be; null: the site wants none. */
  distributionPath: string | null;
  /** Container runtimes, the first of which counts that is there. */
  runtimes: readonly string[];
  /** Who takes the lock that is tried. */
  owner: string;
  /** What is to be reached from there; null: nothing is. */
  outside: Address | null;
}

/** A file server that does not answer must not hold up the rest. */
const oneSeconds = 10;

/** The most that the program may take. */
export function factsSeconds(listSeconds: number): number {
  return 2 * listSeconds + 12 * oneSeconds;
}

/** The program: each of its parts stands for itself, and none keeps another from being tried. */
export function factsProgram(wanted: FactsWanted): string {
  const { scheduler, listCommand, timeouts, imagePath, imagesDirectory, distributionPath, runtimes, owner, outside } =
    wanted;
  return [
    'part clock; date +%s; part_end clock $?',
    `part shell; printf '%s\\n' "\${SHELL:-/bin/sh}"; ${missing(neededTools)} >&2; part_end shell 0`,
    `part directories\n${directoriesMade} && ${writable}\npart_end directories $?`,
    `part space; for glidein_place in "$d" "$j" "$l"; do limit ${oneSeconds} df -Pk "$glidein_place" | tail -n 1; done; part_end space $?`,
    // With -q it names only file systems where the user is over the quota (quota-tools 4.06).
    `part quota; if command -v quota >/dev/null 2>&1; then limit ${oneSeconds} quota -q; fi; part_end quota $?`,
    lockTried(owner),
    `part clients; ${missing(commandLine(scheduler.clients.needed))}; part_end clients 0`,
    ask('version', scheduler.clients.versionCommand, oneSeconds),
    ask('listing0', listCommand, timeouts.listSeconds),
    ask('discover', scheduler.discoverCommand(), timeouts.listSeconds),
    `part image; ${imagePath === null ? 'true' : `[ -f ${quotePath(imagePath)} ] && [ -r ${quotePath(imagePath)} ]`}; part_end image $?`,
    `part runtime; ${runtimeVersion(runtimes)}; part_end runtime $?`,
    ...(outside === null ? [] : [`part outside; ${connection(outside)}; part_end outside $?`]),
    ...images(imagesDirectory),
    ...distributions(distributionPath),
  ].join('\n');
}

/** The status of the part `outside` where nothing there can tell. */
export const cannotConnect = 126;

/** Of the shells only bash can connect. */
function connection({ host, port }: Address): string {
  const words = commandLine(['bash', '-c', 'exec 3<>"/dev/tcp/$1/$2"', 'bash', host, String(port)]);
  return `if command -v bash >/dev/null 2>&1; then limit ${oneSeconds} ${words}; else (exit ${cannotConnect}); fi`;
}

/** Prints those of the programs that are not there. */
function missing(names: string): string {
  return `for glidein_name in ${names}; do command -v $glidein_name >/dev/null 2>&1 || printf '%s\\n' $glidein_name; done`;
}

// What is written is read back: a shell's printf need not notice a full disk.
const writable = `for glidein_place in "$d" "$j" "$l"; do
printf 'glidein check\\n' > "$glidein_place/check.$$" && [ "$(cat "$glidein_place/check.$$")" = 'glidein check' ] && rm -f "$glidein_place/check.$$" \\
|| { echo "$glidein_place" >&2; rm -f "$glidein_place/check.$$"; glidein_place=; break; }
done && [ -n "$glidein_place" ]`;

/** The statuses of the part `lock`, beside 0: it cannot be had, it keeps nobody out, it is not let go. */
export const lockStatus = { notHad: 3, keepsNobodyOut: 4, notLetGo: 5 } as const;

// In a directory of its own, so that no pass waits for it. Each of the three is a process of its own that opens the lock
// anew, which is what two sessions of one login host are to each other.
function lockTried(owner: string): string {
  return `part lock
( d="$d/check-lock.$$"
mkdir "$d" || exit ${lockStatus.notHad}
(
${takeLock(owner, 1)}
[ $? -eq 0 ] || exit ${lockStatus.notHad}
if [ -d "$d/lock.d" ]; then echo directory; else echo flock; fi
( exec 9<&-
${takeLock(owner, 1)}
) >/dev/null
[ $? -eq 1 ] || exit ${lockStatus.keepsNobodyOut}
)
glidein_code=$?
[ $glidein_code -eq 0 ] || exit $glidein_code
(
${takeLock(owner, 1)}
) >/dev/null || exit ${lockStatus.notLetGo} )
glidein_code=$?
rm -rf "$d/check-lock.$$"
part_end lock $glidein_code`;
}

/** Takes a lock of that name, which the session then has until it ends. In the session's own shell, which is for nothing else. */
export function heldLock(name: string, owner: string): string {
  return `part where; uname -n; part_end where 0
d="$d"/check-lock.${quote(name)}
part lock
mkdir "$d" && {
${takeLock(owner, 1)}
}
part_end lock $?`;
}

/** Tries to take it from elsewhere: ends with 1 where the lock keeps us out, as it should. */
export function lockElsewhere(name: string, owner: string): string {
  return `part where; uname -n; part_end where 0
part lock
(
d="$d"/check-lock.${quote(name)}
${takeLock(owner, 1)}
)
part_end lock $?`;
}

/** Takes away what was made for it. In the session that has it. */
export const forgetLock = 'rm -rf "$d"';

function runtimeVersion(runtimes: readonly string[]): string {
  const names = runtimes.map(quote).join(' ');
  return `for glidein_name in ${names}; do if command -v "$glidein_name" >/dev/null 2>&1; then limit ${oneSeconds} "$glidein_name" --version; break; fi; done`;
}

/** Notes when the parts of a program begin and end, from its stdout as it comes. */
export class PartSpans {
  readonly spans = new Map<string, Span>();
  private readonly marker: RegExp;
  private readonly now: () => number;
  /** What came since the last whole marker. */
  private rest = '';

  constructor(mark: string, now: () => number) {
    this.marker = new RegExp(`\\n@(end-)?${mark} ([a-z0-9]+)(?: \\d+)?\\n`, 'g');
    this.now = now;
  }

  saw(chunk: string): void {
    this.rest += chunk;
    let seenTo = 0;
    for (const { index, 0: whole, 1: end, 2: name = '' } of this.rest.matchAll(this.marker)) {
      const began = this.spans.get(name)?.beganAt;
      if (end === undefined) this.spans.set(name, { beganAt: this.now(), endedAt: null });
      else if (began !== undefined) this.spans.set(name, { beganAt: began, endedAt: this.now() });
      // The line end may be the first of the next marker.
      seenTo = index + whole.length - 1;
    }
    this.rest = this.rest.slice(Math.max(seenTo, this.rest.length - longestMarker));
  }
}

const longestMarker = 200;
