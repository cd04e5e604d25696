import { quote, quotePath } from '../shell.ts';
import { freeBytesIn } from './file-reception.ts';
import { segmentBytes } from './segment-plan.ts';
import { loginCommand } from './session-command.ts';

/**
 * The far side of a delivery in segments: the programs that take them in, as text, and what their words mean. Pure.
 *
 * Beside the file's own name lie, until it is whole, `NAME.part` (its bytes), `NAME.journal` (which segments of it are
 * there) and `NAME.lock`. All of it is known by the file's content, so anybody can go on with what another began; who
 * still writes to it after that writes the same bytes to the same place.
 */

/** A file as the login host is to have it, and where it comes from. */
export interface SegmentedFile {
  directory: string;
  /** Unique to its content, so that a file of this name need not be sent again. */
  name: string;
  /** SHA-256. */
  digest: string;
  bytes: number;
  /** Where it is on this machine. */
  source: string;
  /** Nobody changes the source's bytes: on this machine another name for it is as good as a copy. */
  isFixed: boolean;
}

/** Nobody waits for the rest of a file that long. */
const longestSeconds = 86_400;
/** What somebody began and nobody went on with for so many days is thrown away. */
const keepPartDays = 7;
/** Where there is no `flock`: a lock under which nothing was written for so many minutes is left over from somebody who died. */
const staleLockMinutes = 5;
/** What a waiting program says so often that it still waits. */
const waitSeconds = 5;
/** A server of quotas that does not answer must not hold it up. */
const quotaSeconds = 10;

const digestOfNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** In a program of its own, which ends even where nobody ever closes its stdin. */
function lasting(program: string): string {
  const text = quote(program);
  return loginCommand(
    `if command -v timeout >/dev/null 2>&1; then exec timeout -k 30 ${longestSeconds} /bin/sh -c ${text}; else exec /bin/sh -c ${text}; fi`,
  );
}

function common({ directory, name }: SegmentedFile, mark: string): string {
  return `umask 077
c=${quotePath(directory)}
f="$c"/${quote(name)}
p="$f.part"
g="$f.journal"
k="$f.lock"
say() { printf '\\n%s %s\\n' ${mark} "$1"; }
begun() { while IFS= read -r line; do case $line in "${mark} begin") return 0 ;; esac; done; return 1; }
take() {
# Ended by a signal is not a full disk: what is there stays, to go on from.
dd of="$p" bs=1048576 iflag=fullblock,count_bytes oflag=seek_bytes seek="$2" count="$3" conv=notrunc,nocreat status=none || { [ $? -gt 128 ] || say unwritable; return 1; }
IFS= read -r line
[ "$line" = "end $1" ] || return 1
printf '\\ndone %s .\\n' "$1" >> "$g" || { say unwritable; return 1; }
say "done $1"
}`;
}

/**
 * Takes in segments: a line `take INDEX OFFSET LENGTH`, the bytes, a line `end INDEX`; it says `done INDEX` once that
 * one is in the journal. Ends with its stdin.
 */
export function segmentWriter(file: SegmentedFile, mark: string): string {
  return lasting(`${common(file, mark)}
say ready
begun || exit 1
while IFS=' ' read -r word a b d; do
case $word in take) take "$a" "$b" "$d" || exit 1 ;; *) exit 1 ;; esac
done`);
}

// A lock that another holds is waited for as long as that one lives: a large file takes its time. With `flock` that is
// known; a directory is taken over when nothing was written for some minutes.
const lock = `known() { if [ -f "$f" ]; then touch -c "$f" 2>/dev/null; say there; exit 0; fi; }
known
mkdir -p "$c" && [ -w "$c" ] || { say unwritable; exit 1; }
waiting() { say "waiting $(grep -c '^done ' "$g" 2>/dev/null)"; }
locked=
if command -v flock >/dev/null 2>&1 && command exec 9>>"$k"; then
while :; do
flock -w ${waitSeconds} 9 2>/dev/null
case $? in 0) locked=flock; break ;; 1) known; waiting ;; *) break ;; esac
done
fi
if [ -z "$locked" ]; then
while ! mkdir "$k.d" 2>/dev/null; do
known
[ -d "$k.d" ] || { say unwritable; exit 1; }
if [ -z "$(find "$k.d" "$p" "$g" -prune -mmin -${staleLockMinutes} 2>/dev/null)" ]; then
mv "$k.d" "$k.d.$$" 2>/dev/null && rmdir "$k.d.$$"
else waiting; sleep ${waitSeconds}; fi
done
locked=directory
trap 'rmdir "$k.d" 2>/dev/null' EXIT
trap 'exit 143' HUP INT PIPE TERM
fi
known
beat() { if [ $locked = directory ]; then touch "$k.d"; fi; }`;

// Whether `dd` can write and read at an offset is tried out: GNU's can since 8.16, busybox's where it was built so.
const trial = `seeks() {
: > "$p.try" && printf 'abcdef' | dd of="$p.try" bs=4 iflag=fullblock,count_bytes oflag=seek_bytes seek=2 count=5 conv=notrunc,nocreat status=none 2>/dev/null \\
&& [ "$(dd if="$p.try" bs=4 iflag=skip_bytes,count_bytes skip=2 count=5 status=none 2>/dev/null)" = abcde ]
}
if seeks; then way=segments; else way=appended; fi
rm -f "$p.try"
if [ "$(openssl dgst -sha256 -r </dev/null 2>/dev/null | cut -c1-64)" = ${digestOfNothing} ]; then
sum() { openssl dgst -sha256 -r | cut -c1-64; }
else
sum() { sha256sum | cut -c1-64; }
fi
piece() { dd if="$p" bs=1048576 iflag=skip_bytes,count_bytes skip="$1" count="$2" status=none </dev/null; }
stretches() { while IFS=' ' read -r word a b d; do case $word in stretch) beat; piece "$a" "$b" ;; *) break ;; esac; done; }`;

/** Names of what a delivery leaves that nobody goes on with; of a directory's other files none is touched. */
const leftOver = ['part', 'journal', 'lock'].map((kind) => `${'[0-9a-f]'.repeat(64)}*.${kind}`);

function goOn(bytes: number): string {
  return `head="$way ${segmentBytes} ${bytes} ."
if [ -f "$p" ] && [ "$(head -n 1 "$g" 2>/dev/null)" = "$head" ]; then touch "$p" "$g"
else
rm -f "$p" "$g"
{ printf '%s\\n' "$head" > "$g" && [ "$(cat "$g")" = "$head" ] && : > "$p"; } || { rm -f "$p" "$g"; say unwritable; exit 1; }
fi
find "$c/." ! -name . -prune -type f \\( ${leftOver.map((name) => `-name '${name}'`).join(' -o ')} \\) -mtime +${keepPartDays - 1} -exec rm -f {} + 2>/dev/null
say "space $(df -Pk "$c" 2>/dev/null | tail -n 1)"
say "held $(du -k "$p" 2>/dev/null | cut -f1)"
if command -v quota >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
timeout ${quotaSeconds} quota -w 2>/dev/null | while IFS= read -r line; do say "quota $line"; done
fi
if [ $way = segments ]; then
grep '^done [0-9]* \\.$' "$g" | while IFS= read -r line; do say "$line"; done
else
whole=$(($(wc -c < "$p") / ${segmentBytes}))
dd if=/dev/null of="$p" bs=${segmentBytes} seek=$whole count=0 2>/dev/null
say "length $(($(wc -c < "$p")))"
fi
say "by $way"
say ready
begun || exit 1`;
}

// A copy by the file system itself is there at once. A link has the mode of what it is a link to. Nobody may go on with
// it, as cutting it to whole segments would cut the source: so the journal goes first.
function fromHere({ source, isFixed }: SegmentedFile): string {
  const from = quote(source);
  const linked = isFixed ? `ln ${from} "$p" 2>/dev/null || ` : '';
  return `rm -f "$g" "$p"
${linked}cp --reflink=auto ${from} "$p" 2>/dev/null || cp ${from} "$p" || { rm -f "$p"; say unwritable; exit 1; }
found=$(sum < "$p")`;
}

/**
 * Sees to one file: waits for its turn, says what is there of it, and then does what it is told, a line each:
 * `take` as above · `hash`, then `stretch OFFSET LENGTH` lines that come to the whole file, then `over`: says `hash
 * DIGEST` · `digest INDEX OFFSET LENGTH`: says `digest INDEX DIGEST` · `append`: all that follows is the rest of the
 * file · `copy`, where it `copies`: takes it from this machine · `store`: puts it in its place, if its digest is right, else does nothing · `abandon`:
 * throws away what is there.
 */
export function segmentKeeper(file: SegmentedFile, mark: string, { copies }: { copies: boolean }): string {
  const { bytes, digest } = file;
  return lasting(`${common(file, mark)}
${lock}
${trial}
found=
store() {
[ "$found" = ${digest} ] || return 1
{ [ "$(ls -ld "$p" | cut -c5-10)" = ------ ] || chmod 600 "$p"; } && mv -f "$p" "$f" || { say unwritable; exit 1; }
rm -f "$g" "$k"
say stored
}
${goOn(bytes)}
while IFS=' ' read -r word a b d; do
case $word in
take) take "$a" "$b" "$d" || exit 1 ;;
hash) found=$(stretches | sum); say "hash $found" ;;
digest) beat; say "digest $a $(piece "$b" "$d" | sum)" ;;
append)
cat >> "$p" || { say unwritable; exit 1; }
[ "$(($(wc -c < "$p")))" -ge ${bytes} ] || exit 1
say arrived
found=$(sum < "$p")
store || { rm -f "$p" "$g"; say differs; }
exit ;;
${copies ? `copy)\n${fromHere(file)}\nstore || { rm -f "$p" "$g"; say differs; }\nexit ;;` : ''}
store) if store; then exit; fi ;;
abandon) rm -f "$p" "$g"; exit ;;
over | '') ;;
*) exit 1 ;;
esac
done`);
}

/** How far the keeper is, and what it found. */
export interface Keeping {
  /** It has the file, and needs none of its bytes. */
  isThere: boolean;
  /** It waits for what it is to do. */
  isReady: boolean;
  /** Segments can be written each at its place; else only at the end. */
  takesSegments: boolean;
  /** Segments that somebody brought before. */
  done: readonly number[];
  /** Bytes that are there, where they come one after another. */
  length: number;
  /** What there is room for beside what is there already, by the disk and, where one is known, by the quota; null: not known. */
  freeBytes: number | null;
  /** Bytes that what is there takes of the disk. */
  heldBytes: number;
  /** Of the whole file, once it was read. */
  hash: string | null;
  /** By segment, where they were asked for. */
  digests: ReadonlyMap<number, string>;
  /** The file is in its place. */
  isStored: boolean;
  /** Something else is there than was to be sent. */
  differs: boolean;
}

/** What the keeper's lines up to now mean. */
export function readKeeping(said: readonly string[]): Keeping {
  const after = (word: string) =>
    said.flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []));
  const numbers = (word: string) =>
    after(word).flatMap((rest) => (/^\d+/.test(rest) ? [Number.parseInt(rest, 10)] : []));
  const [space = ''] = after('space');
  return {
    isThere: said.includes('there'),
    isReady: said.includes('ready'),
    takesSegments: said.includes('by segments'),
    done: numbers('done'),
    length: numbers('length')[0] ?? 0,
    freeBytes: least(freeBytesIn(` ${space} `), quotaLeft(after('quota'), deviceIn(space))),
    heldBytes: (numbers('held')[0] ?? 0) * 1024,
    hash: after('hash').at(-1) ?? null,
    digests: new Map(after('digest').map((rest) => [Number.parseInt(rest, 10), rest.slice(rest.indexOf(' ') + 1)])),
    isStored: said.includes('stored'),
    differs: said.includes('differs'),
  };
}

function least(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}

function deviceIn(space: string): string {
  return /^(\S.*?)\s+\d+\s+\d+\s+-?\d+\s+/.exec(space)?.[1] ?? '';
}

/**
 * What a quota on this device leaves; null: there is none. `quota -w` (4.06) has a line a device: its name, what is used,
 * the soft and the hard limit in kB, 0 for none, and a star behind what is over.
 */
function quotaLeft(lines: readonly string[], device: string): number | null {
  for (const line of lines) {
    const [name, used = '', soft = '', hard = ''] = line.trim().split(/\s+/);
    const limit = Number(hard) || Number(soft);
    if (name !== device || !/^\d+\*?$/.test(used) || !(limit > 0)) continue;
    return Math.max(0, limit - Number.parseInt(used, 10)) * 1024;
  }
  return null;
}
