import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { quote, quotePath } from '../shell.ts';
import { writeSize } from './journal.ts';
import { loginCommand, nobodyListens } from './session-command.ts';

/**
 * The programs a pass runs on the login host, as text: POSIX `sh` and coreutils, nothing else. They rely on what
 * `prepare` defined in the session, and report in parts (see `readParts`).
 *
 * In the session: `$d` is the site's directory, `$j` the one that jobs read and write.
 */

/** Seconds a scheduler's client gets after TERM before KILL. */
const killAfterSeconds = 10;

export interface RemoteDirectories {
  /** `connection.remoteDir`: lock, journal, intents, scripts. */
  site: string;
  /** `connection.jobDir`: token, drain, marks; visible from the nodes. */
  jobs: string;
  logs: string;
}

/**
 * The account's own lines, run in the session's shell: what they load or export lasts. Options, aliases and IFS do not:
 * the programs after it must mean what they say. (A program is parsed whole before its first line runs, so aliases have
 * to go here.) Ends with the status of the last line.
 */
export function prologue(lines: readonly string[]): string {
  return `${lines.join('\n')}

glidein_code=$?
unset IFS; set +efuCvx; unalias -a 2>/dev/null
(exit $glidein_code)`;
}

/**
 * Defines what the other programs use: `limit` for a client that is ended when nobody is there any more to read its answer,
 * `see_through` for one that is not, and keeps its stdin. (A shell starts no trap before the program it waits for has ended,
 * unless that runs beside it; ksh 93u+m loses that one when the trap is set after it was started.) Makes the directories (0700; not when it is only to be looked) and drops the
 * variables that would change what the scheduler's clients do. Runs in the session's shell. `mark` is new for every session and starts each part's
 * first and last line, so that nothing a scheduler prints can be taken for one.
 */
export function prepare(
  directories: RemoteDirectories,
  defaultsPrefixes: readonly string[],
  options: { mark: string; looksOnly: boolean; judgesDirectories: boolean },
): string {
  const { mark } = options;
  const patterns = defaultsPrefixes.map((prefix) => `${prefix}*`).join('|');
  return `umask 077
d=${quotePath(directories.site)}
j=${quotePath(directories.jobs)}
l=${quotePath(directories.logs)}
for glidein_name in $(env | cut -d= -f1); do
case $glidein_name in *[!A-Za-z0-9_]*|[0-9]*) ;; ${patterns}) unset "$glidein_name" ;; esac
done
see_through() { limit_seconds=$1; shift
if command -v timeout >/dev/null 2>&1; then timeout -k ${killAfterSeconds} "$limit_seconds" "$@"; else "$@"; fi; }
limit() { limit_seconds=$1; shift
trap 'kill $!; exit 143' ${nobodyListens}
if command -v timeout >/dev/null 2>&1; then timeout -k ${killAfterSeconds} "$limit_seconds" "$@" & else "$@" & fi
wait $!
limit_code=$?
trap - ${nobodyListens}
return $limit_code; }
part() { printf '\\n@${mark} %s\\n' "$1"; printf '\\n@${mark} %s\\n' "$1" >&2; }
part_end() { printf '\\n@end-${mark} %s %s\\n' "$1" "$2"; printf '\\n@end-${mark} %s %s\\n' "$1" "$2" >&2; }
each() { for glidein_file; do [ -f "$glidein_file" ] || return 0; break; done; cat "$@"; }
part host
${readiness(options)}
glidein_ready=$?
part_end host $glidein_ready`;
}

function readiness(options: { looksOnly: boolean; judgesDirectories: boolean }): string {
  if (!options.judgesDirectories) return 'true';
  return options.looksOnly ? '[ ! -e "$d" ] || [ -r "$d" ]' : makeDirectories;
}

/** Makes the directories, where they are not there yet. */
export const directoriesMade = `mkdir -p "$d" "$d/intents" "$d/jobs" "$j" "$j/seen" "$j/ends" "$j/drain" "$l" && chmod 700 "$d" "$j" && [ -w "$d" ]`;

/** What of coreutils the programs here cannot do without. */
export const neededTools = 'base64 sha256sum cut tail tr';

const makeDirectories = `${directoriesMade} \\
&& for glidein_name in ${neededTools}; do command -v $glidein_name >/dev/null || { echo "$glidein_name is not there" >&2; glidein_name=; break; }; done && [ -n "$glidein_name" ]`;

/** How a session begins: the first of these that fails ends it, and its part says so. */
export interface Opening {
  /** Defines and makes what the others need. */
  prepare: string;
  /** Takes the lock; null: none is taken. */
  lock: string | null;
}

/** What the session's own shell does before the first look; ends with 0 when there is to be one. */
export function open({ prepare, lock }: Opening): string {
  const locked = `part lock\n${lock}\nglidein_code=$?\npart_end lock $glidein_code`;
  return `${prepare}
if [ "$glidein_ready" -eq 0 ]; then
${lock === null ? 'glidein_code=0' : locked}
else glidein_code=1
fi
(exit $glidein_code)`;
}

/**
 * Takes the site's lock for as long as the session lives: \`flock\` where the command and the file system have it, else
 * a directory with owner and time. Ends with 0 when taken, 1 when somebody holds it (named on stdout).
 */
export function takeLock(owner: string, waitSeconds: number): string {
  return `glidein_owner=${quote(owner)}
glidein_flock=2
if command -v flock >/dev/null 2>&1 && command exec 9>>"$d/lock"; then
flock -w ${waitSeconds} 9 2>/dev/null
glidein_flock=$?
fi
case $glidein_flock in
0) printf '%s since %s\\n' "$glidein_owner" "$(date +%s)" > "$d/lock"; true ;;
1) cat "$d/lock"; false ;;
*) ${directoryLock(waitSeconds)} ;;
esac`;
}

/** After this long a lock directory is taken to be left over from a session that died. */
const staleLockSeconds = 900;
/** Its owner is written at once; whoever made a directory and has not after so many looks (some 8 s) is dead. */
const namelessLockLooks = 12;

// dash 0.5.12 and busybox 1.35 end by SIGPIPE without their EXIT trap (run). `flock` exits 1 when the time is up; another status says that the file system or the command cannot (NFS without
// lockd, Lustre without -o flock). Where two sessions take over a stale directory at once one of them loses it; the
// fence, not the lock, is what keeps the count.
function directoryLock(waitSeconds: number): string {
  return `glidein_wait=${waitSeconds}
glidein_nameless=\${glidein_nameless:-0}
glidein_taken=no
while :; do
if mkdir "$d/lock.d" 2>/dev/null; then glidein_taken=yes; break; fi
glidein_since=0
if read -r glidein_since glidein_holder 2>/dev/null < "$d/lock.d/owner"; then glidein_nameless=0
else glidein_holder=somebody; glidein_nameless=$((glidein_nameless + 1)); fi
if [ "$glidein_nameless" -gt ${namelessLockLooks} ] || { [ "$glidein_since" -gt 0 ] && [ $(($(date +%s) - glidein_since)) -gt ${staleLockSeconds} ]; }; then
glidein_nameless=0
mv "$d/lock.d" "$d/lock.stale.$$" 2>/dev/null && rm -rf "$d/lock.stale.$$"
elif [ "$glidein_wait" -le 0 ]; then break
else glidein_wait=$((glidein_wait - 1)); sleep 1
fi 2>/dev/null
done
if [ $glidein_taken = yes ]; then
printf '%s %s\\n' "$(date +%s)" "$glidein_owner" > "$d/lock.d/owner"
trap 'rm -rf "$d/lock.d"' EXIT
trap 'exit 143' HUP TERM PIPE
true
else printf '%s since %s\\n' "$glidein_holder" "$glidein_since"; false
fi`;
}

export interface Observation {
  /** The scheduler's listing commands, each asked in turn. */
  listCommands: readonly string[];
  listSeconds: number;
  /** A SIF that must be there already, or null. */
  imagePath: string | null;
  /** Where images are that were shipped; null: none is wanted from there, and nothing is asked. */
  imagesDirectory: string | null;
  /** Where a CVMFS distribution may be; null: the site wants none, and nothing is asked about any. */
  distributionPath: string | null;
  /** Asks the accounting, which may be slow or absent: nothing depends on its answer. Null: it is not asked. */
  finishedCommand: string | null;
}

/** Seconds the accounting gets. */
export const accountingSeconds = 10;

/**
 * Reads everything a pass decides on, the journal first: whatever is submitted after that is either fenced off by
 * the sequence read here or already in the listing.
 */
export function observe(observation: Observation): string {
  const image = observation.imagePath === null ? 'true' : `[ -r ${quotePath(observation.imagePath)} ]`;
  const listings = observation.listCommands.map(
    (command, index) =>
      `part listing${index}\nlimit ${observation.listSeconds} ${command}\npart_end listing${index} $?`,
  );
  const accounting =
    observation.finishedCommand === null ? [] : [ask('finished', observation.finishedCommand, accountingSeconds)];
  return `part clock; date +%s; part_end clock $?
part sequences; printf '%s\\n' "$d"/intents/*; part_end sequences $?
part intents; each "$d"/intents/*/intent; part_end intents $?
part outcomes; each "$d"/intents/*/outcome; part_end outcomes $?
part notes; each "$d/journal"; part_end notes $?
part seen; each "$j"/seen/*; part_end seen $?
part ends; each "$j"/ends/*; part_end ends $?
part drains; printf '%s\\n' "$j"/drain/*; part_end drains $?
part token; if [ -f "$j/token" ]; then sha256sum < "$j/token"; fi; part_end token $?
part image; ${image}; part_end image $?
${[...images(observation.imagesDirectory), ...distributions(observation.distributionPath), ...listings, ...accounting].join('\n')}`;
}

/** The names of the images that were shipped. */
export function images(directory: string | null): string[] {
  if (directory === null) return [];
  return [`part images; printf '%s\\n' ${quotePath(directory.replace(/\/+$/, ''))}/*.sif; part_end images $?`];
}

/** What was shipped before is told by its names: which of them is wanted nobody knows before something is to be submitted. */
export function distributions(path: string | null): string[] {
  if (path === null) return [];
  return [
    `part distribution; [ -r ${quotePath(path)} ]; part_end distribution $?`,
    `part shipped; printf '%s\\n' "$j"/${distributionsDirectory}/*; part_end shipped $?`,
  ];
}

/** Below the directory that jobs read: the CVMFS distributions that were shipped. */
export const distributionsDirectory = 'cvmfs';

export interface PlannedSubmission {
  sequence: number;
  tag: string;
  /** Jobs in it. */
  count: number;
  /** Nodes of each job. */
  nodes: number;
  mode: 'keep' | 'once';
  script: string;
  /** Reads the script on stdin. */
  command: string;
}

/**
 * The diary, then fence, intent, submit, outcome, for one submission after the other, stopping at the first whose outcome
 * is not exit 0; a diary that cannot be written stops it before the first. A lost connection does not stop it: it ignores HUP and PIPE.
 */
export function submitAll(
  submissions: readonly PlannedSubmission[],
  limits: { submitSeconds: number; abandoned: readonly number[] },
  diary: Diary,
): string {
  return `trap '' HUP PIPE
${record(diary)}
if [ $glidein_recorded -ne 0 ]; then exit 0; fi
unfenced() {
for glidein_other in "$d"/intents/*; do
glidein_other=\${glidein_other##*/}
if [ "$glidein_other" -gt "$1" ] 2>/dev/null; then return 1; fi
done
return 0
}
${takeOver(limits.abandoned)}
${submissions.map((one) => submitOne(one, limits.submitSeconds)).join('\n')}`;
}

// Sequences without an intent: another pass died between the two, or is slow. Without its directory it cannot write
// its intent any more, and so submits nothing; if it was faster, the directory goes back and is fence enough. It is
// called once this pass has a sequence of its own, so that nobody takes the old one again: whoever makes a directory looks
// after that, too, whether there is a higher one.
function takeOver(abandoned: readonly number[]): string {
  const each = abandoned.map((sequence) => {
    const directory = `"$d/intents/${sequence}"`;
    const aside = `"$d/jobs/abandoned-${sequence}.$$"`;
    return `if [ -d ${directory} ]; then
mv ${directory} ${aside} || return 1
if [ -e ${aside}/intent ]; then mv ${aside} ${directory}; return 1; fi
rm -rf ${aside}
fi`;
  });
  return `take_over() {\n${[...each, 'return 0'].join('\n')}\n}`;
}

// Each file is written beside its name and renamed, so that it is there whole or not at all; an intent is read back,
// because a shell's printf need not notice a full disk.
function submitOne(one: PlannedSubmission, submitSeconds: number): string {
  const directory = `"$d/intents/${one.sequence}"`;
  const part = (name: string) => `${name}${one.sequence}`;
  const script = Buffer.from(one.script).toString('base64');
  const digest = createHash('sha256').update(one.script).digest('hex');
  return `part ${part('fence')}
if mkdir ${directory} 2>/dev/null; then
if unfenced ${one.sequence} && take_over; then part_end ${part('fence')} 0; else rmdir ${directory}; part_end ${part('fence')} 1; exit 0; fi
elif [ -d ${directory} ]; then part_end ${part('fence')} 1; exit 0
else mkdir ${directory}; part_end ${part('fence')} 2; exit 0
fi
part ${part('intent')}
glidein_line="intent ${one.sequence} ${one.tag} ${writeSize(one)} ${one.mode} $(date +%s) ."
mkdir -p "$d/jobs"
echo ${script} | base64 -d > "$d/jobs/${one.tag}.sh" \\
&& [ "$(sha256sum < "$d/jobs/${one.tag}.sh" | cut -c1-64)" = ${digest} ] \\
&& printf '\\n%s\\n' "$glidein_line" > ${directory}/intent.part \\
&& [ "$(cat ${directory}/intent.part)" = "
$glidein_line" ] \\
&& mv ${directory}/intent.part ${directory}/intent
glidein_code=$?
if [ ! -d ${directory} ]; then glidein_code=3; fi
part_end ${part('intent')} $glidein_code
if [ $glidein_code -ne 0 ]; then rm -rf ${directory} "$d/jobs/${one.tag}.sh"; exit 0; fi
part ${part('submit')}
see_through ${submitSeconds} ${one.command} < "$d/jobs/${one.tag}.sh" > ${directory}/stdout 2> ${directory}/stderr
glidein_code=$?
cat ${directory}/stdout
cat ${directory}/stderr >&2
part_end ${part('submit')} $glidein_code
part ${part('outcome')}
printf '\\noutcome ${one.sequence} %s %s %s %s .\\n' "$(date +%s)" "$glidein_code" \\
"x$(tail -c 6000 ${directory}/stdout | base64 | tr -d '\\n')" "x$(tail -c 6000 ${directory}/stderr | base64 | tr -d '\\n')" > ${directory}/outcome.part \\
&& mv ${directory}/outcome.part ${directory}/outcome
part_end ${part('outcome')} $?
if [ $glidein_code -ne 0 ]; then exit 0; fi`;
}

/** Asks the scheduler something. Its answer is the part of that name. */
export function ask(name: string, command: string, seconds: number): string {
  return `part ${name}\nlimit ${seconds} ${command}\npart_end ${name} $?`;
}

/** The end of a pilot's log, or of what its batch system wrote. */
export function lastWords(mark: string): string {
  const files = ['log', 'batch'].map((ending) => `"$l"/${quote(`${mark}.${ending}`)}`).join(' ');
  return `part said; for glidein_file in ${files}; do if [ -s "$glidein_file" ]; then tail -n 8 "$glidein_file" | cut -c1-200; break; fi; done; part_end said $?`;
}

/** What pilots are told, in this order. */
export interface Telling {
  /** Names of drain marks. When one cannot be written, nothing else is told. */
  marks: readonly string[];
  orders: readonly Order[];
}

/** A command of the scheduler, whose words are the answer. Its part has the name. */
export interface Order {
  name: string;
  command: string;
  /** What the journal needs to know of it, once the scheduler took it. */
  lines: readonly string[];
}

/** The part in which the journal is told of an order. */
export function recordOf(order: string): string {
  return `record-${order}`;
}

/** Tells pilots to drain or to end, and writes the diary. */
export function tell({ marks, orders }: Telling, seconds: number, diary: Diary): string {
  return [drain(marks), record(diary), ...orders.map((order) => carryOut(order, seconds))].join('\n');
}

function drain(marks: readonly string[]): string {
  if (marks.length === 0) return 'part drain; part_end drain 0';
  const files = marks.map((mark) => quote(`./${mark}`)).join(' ');
  return `part drain
mkdir -p "$j/drain" && (cd "$j/drain" && touch ${files})
glidein_code=$?
part_end drain $glidein_code
[ $glidein_code -eq 0 ] || exit 0`;
}

function carryOut({ name, command, lines }: Order, seconds: number): string {
  return `part ${name}
limit ${seconds} ${command}
glidein_code=$?
part_end ${name} $glidein_code
if [ $glidein_code -eq 0 ]; then
${append(recordOf(name), lines)}
fi`;
}

/** What goes into the journal, and what nothing needs any more. */
export interface Diary {
  /** Lines of the journal. */
  lines: readonly string[];
  forget: readonly Forgotten[];
}

/** Appends what was found out to the journal, and removes what nothing needs any more. */
export function record({ lines, forget }: Diary): string {
  // A directory leaves `intents` whole: half of one would look like a sequence without an intent.
  const removals = forget.map(
    ({ sequence, tag, marks }) =>
      `mv "$d/intents/${sequence}" "$d/jobs/over-${sequence}" && rm -rf "$d/jobs/over-${sequence}" "$d/jobs/${tag}.sh" "$j/seen/${tag}".* "$j/nodes/${tag}".* ${marks.map((id) => `"$j"/ends/${quote(id)} "$j"/ends/${quote(id)}_n* "$j"/drain/${quote(id)}`).join(' ')}`,
  );
  // What a mark was needed for may be in the lines: without them it stays.
  const cleared = removals.length === 0 ? [] : ['if [ $glidein_recorded -eq 0 ]; then', ...removals, 'fi'];
  return [append('record', lines), ...cleared].join('\n');
}

function append(part: string, lines: readonly string[]): string {
  const program = lines.length === 0 ? 'true' : `printf '\\n%s\\n' ${lines.map(quote).join(' ')} >> "$d/journal"`;
  return `part ${part}\n${program}\nglidein_recorded=$?\npart_end ${part} $glidein_recorded`;
}

/** A submission all of whose pilots ended long ago. */
export interface Forgotten {
  sequence: number;
  tag: string;
  /** The pilot ids whose marks go with it. */
  marks: readonly string[];
}

/** What `receiveToken` prints when it reads, and the line that must come before the token. */
export const tokenHandshake = { ready: 'glidein-token-ready', begin: 'glidein-token-begin' };

/**
 * Puts the token where jobs read it, and prints the digest of what arrived. Its text comes on stdin, after a line of
 * `tokenHandshake.begin` and the digest it must have (one that was cut changes nothing), and is in no command line; the file is 0600 from its first byte and changes all at once.
 */
export function receiveToken(jobsDirectory: string): string {
  const inner = `umask 077
j=${quotePath(jobsDirectory)}
echo ${tokenHandshake.ready}
expected=
while IFS= read -r line; do case $line in "${tokenHandshake.begin} "*) expected=\${line#* }; break ;; esac; done
[ -n "$expected" ] || exit 1
trap 'rm -f "$j/token.part.$$"' EXIT
mkdir -p "$j" && cat > "$j/token.part.$$" && chmod 600 "$j/token.part.$$" && digest=$(sha256sum < "$j/token.part.$$" | cut -c1-64) \\
&& [ "$digest" = "$expected" ] && mv "$j/token.part.$$" "$j/token" && echo "$digest"`;
  return loginCommand(inner);
}

/** One part of a program's output. */
export interface Part {
  stdout: string;
  stderr: string;
  code: number;
}

/** The parts of a program's output by name. A part whose end is missing on either stream is not there. */
export function readParts(output: { stdout: string; stderr: string }, mark: string): Map<string, Part> {
  const parts = new Map<string, Part>();
  const stderr = splitParts(output.stderr, mark);
  for (const [name, { text, code }] of splitParts(output.stdout, mark)) {
    const other = stderr.get(name);
    if (other !== undefined) parts.set(name, { stdout: text, stderr: other.text, code });
  }
  return parts;
}

function splitParts(text: string, mark: string): Map<string, { text: string; code: number }> {
  const parts = new Map<string, { text: string; code: number }>();
  const begin = new RegExp(`\\n@${mark} (\\S+)\\n`, 'g');
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const name = match[1] ?? '';
    const from = match.index + match[0].length;
    const end = text.slice(from).match(new RegExp(`\\n@end-${mark} ${name} (\\d+)\\n`));
    if (end?.index === undefined) continue;
    parts.set(name, { text: text.slice(from, from + end.index), code: Number(end[1]) });
    begin.lastIndex = from + end.index + 1;
  }
  return parts;
}
