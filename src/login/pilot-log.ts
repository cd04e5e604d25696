import { Buffer } from 'node:buffer';
import { quote, quotePath } from '../shell.ts';
import type { RemoteDirectories } from './remote-programs.ts';
import { loginCommand } from './session-command.ts';

/**
 * Reading a pilot's log on the login host: the program that runs there, and what it says. It reports in lines that
 * begin with a mark of their own, new for every run, and carries the logs' text in base64: neither what start-up files
 * print nor what a log holds can be taken for a report.
 */

/** `pilot`: the copy of its own output that the job keeps. `batch`: what the batch system caught of the job script. */
export type LogSource = 'pilot' | 'batch';

/** Which pilot's log: one by its id, the newest of a submission, or the newest of all. */
export type WantedLog =
  /** `prefix` and `suffix` stand around the index in the ids of the submission's pilots; null: the id can be only one pilot's. */
  { kind: 'id'; id: string; prefix: string | null; suffix: string } | { kind: 'newest' };

export interface LogRequest {
  directories: RemoteDirectories;
  wanted: WantedLog;
  /** Goes on as the files grow, until the pilot has ended. */
  follow: boolean;
  pace: LogPace;
}

/** How the follower goes on; only tests take other values than `usualLogPace`. */
export interface LogPace {
  pollSeconds: number;
  /** So many looks, and then it ends by itself. */
  looks: number;
  /** Every so many looks the running pilot is asked for its log. */
  asksEvery: number;
  /** After so many questions that nobody took, it says so. */
  unanswered: number;
  /** So many looks the last copy of a log may be late: a file server shows it not at once. */
  lateLooks: number;
  /** So many looks, where the mark and the log have the same time. */
  tieLooks: number;
}

/** Looks every 2 s for 12 h; a pilot looks round every 30 s. */
export const usualLogPace: LogPace = {
  pollSeconds: 2,
  looks: 21_600,
  asksEvery: 5,
  unanswered: 18,
  lateLooks: 30,
  tieLooks: 3,
};

/** After so long a follower ends by itself. */
export const longestFollowSeconds = usualLogPace.looks * usualLogPace.pollSeconds;

/** What the program reports, in this order as far as it comes. */
export type LogReport =
  /** It runs. `now`: seconds since the epoch, by the login host's clock. */
  | { kind: 'ready'; now: number }
  /** There is a log directory; its path there, with `~` resolved. */
  | { kind: 'directory'; path: string }
  /** The record of what came of the newest submission, where no pilot was named. */
  | { kind: 'outcome'; record: string }
  /** The pilots that left a log and fit what was asked for, the newest first; not all of very many. */
  | { kind: 'pilots'; ids: readonly string[] }
  /** None of them fits; these others, some of those whose files changed last, left a log. */
  | { kind: 'others'; ids: readonly string[] }
  /** A file that is read from here on, or was refreshed; `refreshedAt` in seconds since the epoch. */
  | { kind: 'file'; source: LogSource; bytes: number; refreshedAt: number }
  /** New bytes of that file. */
  | { kind: 'text'; source: LogSource; bytes: Buffer }
  /** So many bytes of the pilot's output are lost or too many, and left out at this place. */
  | { kind: 'gap'; source: LogSource; bytes: number }
  /** The file is shorter than what was read of it, and is read from its beginning. */
  | { kind: 'anew'; source: LogSource }
  /** It is still there. */
  | { kind: 'alive' }
  /** The pilot does not take the question for a fresh log: it may be gone. */
  | { kind: 'unanswered' }
  /** The pilot's own mark, as in `ends/`. */
  | { kind: 'ended'; record: string }
  /** The last report. `limit`: it followed for long enough. `missing`: there is no such log. `unreadable`: the directory cannot be read. */
  | { kind: 'over'; why: LogOver }
  /** A report that did not arrive as it was sent. */
  | { kind: 'spoiled' };

/** How the reading came to its end. */
export type LogOver = 'read' | 'ended' | 'limit' | 'missing' | 'unreadable';

/** What `keep_log` of the job's template leaves of a long log. */
const first = 262_144;
const last = 1_048_576;
const cutLine = { before: '[glidein: ', after: ' bytes left out here]' };
/** With its two line ends, but without the digits. */
const cutLineBytes = cutLine.before.length + cutLine.after.length + 2;

/** How much of a file travels in one report. */
const pieceBytes = 196_608;
/** How many files are looked at when the newest pilot is searched. */
const newestFiles = 400;
/** How many other ids are named where the wanted one has no log. */
const otherIds = 6;

/** The line that stands where bytes were left out, as the job itself writes it. */
export function gapLine(bytes: number): string {
  return `\n${cutLine.before}${bytes}${cutLine.after}\n`;
}

/** Whether a log's file can have this name: an id never leaves the directory, and is no option. */
export function isPilotId(id: string): boolean {
  return id.length <= 200 && /^[A-Za-z0-9_[][\][A-Za-z0-9_.-]*$/.test(id);
}

/** The command that reads a log; `mark` (letters and digits) must be new. The ids must be such as `isPilotId` takes. */
export function readLogCommand(request: LogRequest, mark: string): string {
  return loginCommand(logProgram(request, mark));
}

// What it starts reads nothing of ours, and when nobody reads what it reports the next report ends it: at the latest
// after one look, since each is reported. POSIX sh and coreutils (GNU, busybox, BSD); no globs are used, so they are off.
function logProgram({ directories, wanted, follow, pace }: LogRequest, mark: string): string {
  return `exec </dev/null
umask 077
set +euCvx
set -f
unset IFS CDPATH QUOTING_STYLE POSIXLY_CORRECT
LC_ALL=C; export LC_ALL
asked=
trap 'if [ -n "$asked" ]; then rm -f -- "$asked"; fi' EXIT
trap 'exit 0' HUP INT TERM PIPE
d=${quotePath(directories.site)}
j=${quotePath(directories.jobs)}
l=${quotePath(directories.logs)}
tell() { printf '\\n@${mark} %s\\n' "$*" || exit 0; }
encoded() { base64 | tr -d '\\n'; }
if stat -c %Y / >/dev/null 2>&1; then facts() { stat -L -c '%i %s %Y %n' -- "$@" 2>/dev/null; }
else facts() { stat -L -f '%i %z %m %N' "$@" 2>/dev/null; }; fi
${lookText}
${sendText}
${searchText(wanted)}
${follow ? followText(pace) : readText}
tell ready "$(date +%s)"
if [ ! -d "$l" ]; then tell over missing; exit 0; fi
if ! cd -- "$l" 2>/dev/null || [ ! -r . ]; then tell over unreadable; exit 0; fi
tell directory "$(pwd | encoded)"
search
tell pilots $found
set -- $found
if [ $# -eq 0 ]; then others; tell over missing; exit 0; fi
id=$1
pilot_at=0 pilot_known= batch_at=0 batch_known=
go`;
}

// Without the file all three are empty.
const lookText = `look() {
inode= size= mtime=
[ -f "$1" ] || return 1
set -- $(facts "$1")
[ $# -ge 3 ] || return 1
inode=$1 size=$2 mtime=$3
}`;

// A log is counted in bytes of what the pilot printed, those left out included: the copy that replaces the last one goes
// on exactly where that one ended. A file that is replaced while it is read gives nothing more; the next look takes the new one.
const sendText = `hole_in() {
hole=0 cut=0
[ "$size" -gt ${first + last} ] || return 0
line=$(tail -c +${first + 2} -- "$1" 2>/dev/null | head -c 64 | head -n 1 2>/dev/null)
case $line in ${quote(cutLine.before)}*${quote(cutLine.after)}) ;; *) return 0 ;; esac
line=\${line#${quote(cutLine.before)}}
line=\${line%${quote(cutLine.after)}}
case $line in ''|0*|*[!0-9]*|????????????????*) return 0 ;; esac
[ $((${first + last + cutLineBytes} + \${#line})) -eq "$size" ] || return 0
hole=$line cut=$((${cutLineBytes} + \${#line}))
}
send() {
look "$2" || return 0
[ "$known" != "$inode $size $mtime" ] || return 0
seen="$inode $size $mtime" file=$inode
hole_in "$2"
length=$((size - cut + hole))
if [ "$length" -lt "$at" ]; then tell anew "$1"; at=0; fi
tell file "$1" "$size" "$mtime"
gap_from=$length gap_to=$length shift=0
if [ "$hole" -gt 0 ]; then gap_from=${first} gap_to=$((${first} + hole)) shift=$((cut - hole))
elif [ $((length - at)) -gt ${first + last} ]; then gap_from=$((at + ${first})) gap_to=$((length - ${last})); fi
while [ "$at" -lt "$length" ]; do
if [ "$at" -ge "$gap_from" ] && [ "$at" -lt "$gap_to" ]; then tell gap "$1" $((gap_to - at)); at=$gap_to; fi
if [ "$at" -lt "$gap_from" ]; then from=$at count=$((gap_from - at)); else from=$((at + shift)) count=$((length - at)); fi
if [ "$count" -gt ${pieceBytes} ]; then count=${pieceBytes}; fi
text=$(tail -c +$((from + 1)) -- "$2" 2>/dev/null | head -c "$count" | encoded)
look "$2" && [ "$inode" = "$file" ] || return 1
case $text in *==) count=2 ;; *=) count=1 ;; *) count=0 ;; esac
count=$((\${#text} / 4 * 3 - count))
[ "$count" -gt 0 ] || return 1
tell text "$1" "$count" "$text"
at=$((at + count))
done
known=$seen
}
send_both() {
whole=0
at=$pilot_at known=$pilot_known; send pilot "$id.log" || whole=1; pilot_at=$at pilot_known=$known
at=$batch_at known=$batch_known; send batch "$id.batch" || whole=1; batch_at=$at batch_known=$known
return $whole
}
tell_end() { if [ -f "$j/ends/$id" ]; then tell ended $(cat -- "$j/ends/$id" 2>/dev/null); fi; }`;

/** Sets `found`: the ids that fit and left a log, the newest first. */
function searchText(wanted: WantedLog): string {
  if (wanted.kind === 'newest') {
    return `${newestText('*.log|*.batch')}
search() {
newest
set -- $(ls "$d/intents" 2>/dev/null | sort -n | tail -n 1)
if [ $# -gt 0 ] && [ -f "$d/intents/$1/outcome" ]; then tell outcome $(cat -- "$d/intents/$1/outcome" 2>/dev/null); fi
}`;
  }
  const id = quote(wanted.id);
  const { prefix, suffix } = wanted;
  const member = (ending: string) =>
    prefix === null ? quote(wanted.id + ending) : `${quote(prefix)}[0-9]*${quote(suffix + ending)}`;
  return `${newestText(`${member('.log')}|${member('.batch')}`)}
search() { if [ -f ${id}.log ] || [ -f ${id}.batch ]; then found=${id}; else newest; fi; }`;
}

// The newest is the one that started last, by its own mark; one without a mark (it died before, or the mark was cleared
// away) counts from the last change of its files. A log's own time says little: running pilots refresh theirs by turns.
function newestText(pattern: string): string {
  return `fits() {
while IFS= read -r name; do
case $name in *[!][A-Za-z0-9_.-]*|.*|-*) ;; ${pattern}) echo "$name" ;; esac
done 2>/dev/null | head -n "$1"
}
newest() {
marks=$(cd "$j/seen" 2>/dev/null && cat -- $(ls) 2>/dev/null | cut -d ' ' -f 1,4,6)
names=$(echo "$marks" | sort -k 3,3rn | head -n ${newestFiles} | while read -r word id since; do echo "$id.log"; echo "$id.batch"; done | fits ${2 * newestFiles}
ls -t 2>/dev/null | fits ${newestFiles})
found=' '
if [ -z "$names" ]; then return 0; fi
for name in $({ echo "$marks"; facts $names | while read -r inode size mtime name; do echo "file \${name%.*} $mtime"; done; } \\
| sort -k 2,2 -k 1,1r | while read -r word id since; do
if [ "$word" = seen ]; then marked=$id started=$since
elif [ "$word" = file ]; then if [ "$id" = "\${marked-}" ]; then since=$started; fi; echo "$since $id"
fi
done | sort -k 1,1rn -k 2,2r | while read -r since id; do echo "$id"; done); do
case $found in *" $name "*) ;; *) found="$found$name " ;; esac
done
}
others() {
set --
for name in $(ls -t 2>/dev/null | head -n ${newestFiles}); do
case $name in *[!][A-Za-z0-9_.-]*|.*|-*) ;; *.log|*.batch) case " $* " in *" \${name%.*} "*) ;; *) set -- "$@" "\${name%.*}" ;; esac ;; esac
if [ $# -ge ${otherIds} ]; then break; fi
done
tell others "$@"
}`;
}

// A log that is being replaced is whole again at once.
const readText = `go() {
for time in 1 2 3 4 5; do if send_both; then break; fi; done
tell_end
tell over read
}`;

// A job writes its mark, then its last log; the log is the last when it is the newer of the two (`ls -t` compares all
// that the file system knows, which `test` does not everywhere). Of the same time they mostly are that, too: a clock's
// tick is longer than a job takes between the two. Long after the mark nothing more comes.
function followText(pace: LogPace): string {
  return `ask() {
if [ -n "$asked" ] && [ -f "$asked" ]; then waits=$((waits + 1)); else waits=0; fi
if [ $waits -eq ${pace.unanswered} ]; then tell unanswered; fi
if [ -d "$j" ]; then mkdir -p "$j/follow" 2>/dev/null; touch "$j/follow/$id" 2>/dev/null && asked=$j/follow/$id; fi
}
is_last() {
if [ "$late" -ge ${pace.lateLooks} ]; then return 0; fi
late=$((late + 1))
look "$j/ends/$id" || return 1
if [ $(($(date +%s) - mtime)) -gt 300 ]; then return 0; fi
set -- $(ls -t "$id.log" "$j/ends/$id" 2>/dev/null)
if [ "\${1-}" = "$id.log" ]; then return 0; fi
[ "$late" -gt ${pace.tieLooks} ] && [ -f "$id.log" ] && ! [ "$j/ends/$id" -nt "$id.log" ]
}
go() {
looks=0 late=0 waits=0
while [ $looks -lt ${pace.looks} ]; do
is_over=no
if [ ! -f "$j/ends/$id" ]; then
if [ $((looks % ${pace.asksEvery})) -eq 0 ]; then ask; fi
elif is_last; then is_over=yes
fi
if { send_both || [ $late -ge ${pace.lateLooks} ]; } && [ $is_over = yes ]; then tell_end; tell over ended; return 0; fi
tell alive
looks=$((looks + 1))
sleep ${pace.pollSeconds}
done
tell over limit
}`;
}

/** What one line of the program's stdout reports; null for a line that is none of its own. */
export function readLogReport(line: string, mark: string): LogReport | null {
  const begin = `@${mark} `;
  const at = line.indexOf(begin);
  if (at < 0) return null;
  const [kind = '', ...words] = line.slice(at + begin.length).split(' ');
  return readPlainReport(kind, words) ?? readFileReport(kind, words) ?? { kind: 'spoiled' };
}

function readPlainReport(kind: string, words: readonly string[]): LogReport | null {
  const [word = ''] = words;
  switch (kind) {
    case 'ready':
      return /^\d+$/.test(word) ? { kind, now: Number(word) } : null;
    case 'directory':
      return { kind, path: Buffer.from(word, 'base64').toString('utf8').replace(/\n$/, '') };
    case 'outcome':
    case 'ended':
      return { kind, record: words.join(' ') };
    case 'pilots':
    case 'others':
      return { kind, ids: words.filter((word) => isPilotId(word)) };
    case 'alive':
    case 'unanswered':
      return { kind };
    case 'over': {
      const why = (['read', 'ended', 'limit', 'missing', 'unreadable'] as const).find((one) => one === word);
      return why === undefined ? null : { kind, why };
    }
    default:
      return null;
  }
}

function readFileReport(kind: string, [source, size = '', more = '']: readonly string[]): LogReport | null {
  if (source !== 'pilot' && source !== 'batch') return null;
  if (kind === 'anew') return { kind, source };
  if (!/^\d+$/.test(size)) return null;
  const bytes = Number(size);
  switch (kind) {
    case 'file':
      return /^\d+$/.test(more) ? { kind, source, bytes, refreshedAt: Number(more) } : null;
    case 'gap':
      return { kind, source, bytes };
    case 'text': {
      const text = Buffer.from(more, 'base64');
      return text.length === bytes ? { kind, source, bytes: text } : null;
    }
    default:
      return null;
  }
}
