import { Buffer } from 'node:buffer';
import { commandLine, quote, quotePath } from '../shell.ts';
import { freeBytesIn } from './file-reception.ts';
import { loginCommand } from './session-command.ts';

/** Building an image on the login host: the program that does it, as text, and what its words mean. Pure. */

/** What is built there. */
export interface BuildThere {
  /** Where the image is to be; `~` is the home directory there. */
  directory: string;
  /** As the container runtime takes it. */
  uri: string;
  /** Options of the runtime's `build`. */
  options: readonly string[];
  /** Programs that may build, the first that is there. */
  runtimes: readonly string[];
}

/** What a killed one left in that directory is removed after a day. */
export function leftoversGone(word: '$2' | '$c' | '$one'): string {
  return `find "${word}/." ! -name . -prune -type d -name 'glidein-build-*' -user "$(id -u)" -mtime +0 -exec sh -c 'chmod -R u+rwx "$@"; rm -rf "$@"' sh {} + 2>/dev/null`;
}

/**
 * Builds an image beside its place and renames it to its content's name. It says how far it is every second, in lines that
 * begin with `mark`: so it finds out that nobody listens any more, and then it ends the runtime and removes all that it made.
 */
export function buildProgram(order: BuildThere, mark: string): string {
  const own = workingName(mark);
  return loginCommand(`umask 077
c=${quotePath(order.directory)}
w="$c/${own}"
t= b= g=
say() { printf '\\n%s %s\\n' ${mark} "$1"; }
mkdir -p "$c" && [ -w "$c" ] || { say unwritable; exit 1; }
say ready
begun=
while IFS= read -r line; do case $line in "${mark} begin") begun=yes; break ;; esac; done
[ -n "$begun" ] && IFS= read -r prologue || exit 1
case \${SHELL:-/bin/sh} in
*csh) ;;
*) path=$("\${SHELL:-/bin/sh}" -l -c 'printf "\\nPATH=%s\\n" "$PATH"' </dev/null 2>/dev/null | sed -n 's/^PATH=//p' | tail -n 1)
[ -z "$path" ] || PATH=$path ;;
esac
set +eu
eval "$(printf %s "$prologue" | base64 -d)" </dev/null >/dev/null 2>&1
${runtimeFound(order)}
place() {
[ -d "$2" ] && [ -w "$2" ] || return 0
${leftoversGone('$2')}
say "place $1 $(df -Pk "$2" 2>/dev/null | tail -n 1)"
}
[ -z "\${TMPDIR-}" ] || place 1 "$TMPDIR"
place 2 /var/tmp
place 3 /tmp
place 4 "$c"
say choose
IFS= read -r place || exit 1
case $place in 1) t=$TMPDIR ;; 2) t=/var/tmp ;; 3) t=/tmp ;; 4) t=$c ;; *) exit 1 ;; esac
t="$t/${own}.tmp"
${theBuilding(order)}`);
}

/** What a build calls its own directories. Its image is made in one beside those that are ready. */
export function workingName(mark: string): string {
  return `glidein-build-${mark}`;
}

/** Sets `$r`. Like what follows it is for any POSIX shell, and tells with `say`. */
export function runtimeFound({ runtimes }: Pick<BuildThere, 'runtimes'>): string {
  return `r=
for one in ${commandLine(runtimes)}; do command -v "$one" >/dev/null 2>&1 && r=$one && break; done
[ -n "$r" ] || { say no-runtime; exit 1; }
say "runtime $("$r" --version </dev/null 2>/dev/null | head -n 1)"`;
}

/**
 * Builds: `$c` is where images are, `$w` the directory to make it in, `$t` the one to unpack in, neither of which is there yet;
 * `b` and `g` are empty. Where `say` fails nobody waits for it any more. Nothing but the image is left, however it ends.
 */
export function theBuilding({ uri, options }: Pick<BuildThere, 'uri' | 'options'>): string {
  return `end() {
trap '' HUP INT PIPE TERM
if [ -n "$b" ]; then kill -TERM "$g$b"; sleep 2; kill -KILL "$g$b"; fi 2>/dev/null
rm -rf "$t" "$w" 2>/dev/null || { chmod -R u+rwx "$t" "$w"; rm -rf "$t" "$w"; } 2>/dev/null
}
trap end EXIT
trap 'exit 143' HUP INT PIPE TERM
mkdir "$w" "$t" "$t/cache" "$t/tmp" || { say unwritable; exit 1; }
APPTAINER_CACHEDIR="$t/cache" SINGULARITY_CACHEDIR="$t/cache" APPTAINER_TMPDIR="$t/tmp" SINGULARITY_TMPDIR="$t/tmp" TMPDIR="$t/tmp"
export APPTAINER_CACHEDIR SINGULARITY_CACHEDIR APPTAINER_TMPDIR SINGULARITY_TMPDIR TMPDIR
s=
! command -v setsid >/dev/null 2>&1 || { s=setsid; g=-; }
$s "$r" build ${commandLine(options)} "$w/image.sif" ${quote(uri)} </dev/null >"$w/log" 2>&1 &
b=$!
while kill -0 "$b" 2>/dev/null; do
say "line $(tail -c 300 "$w/log" | tr '\\r' '\\n' | tail -n 1)" || exit 1
sleep 1
done
wait "$b"
code=$?
b=
if [ "$code" != 0 ] || [ ! -s "$w/image.sif" ]; then say "failed $code $(tail -c 1500 "$w/log" | base64 | tr -d '\\n')"; exit 1; fi
bytes=$(wc -c <"$w/image.sif")
say "reading $bytes"
found=$(sha256sum <"$w/image.sif" | cut -c1-64)
chmod 600 "$w/image.sif" && mv -f "$w/image.sif" "$c/$found.sif" || { say unwritable; exit 1; }
say "built $found $bytes"`;
}

/** Lines of shell that a program runs first: the account's own, then modules, as a batch job of the site has them. */
export function preparation(prologue: readonly string[], modules: readonly string[]): string {
  if (modules.length === 0) return prologue.join('\n');
  const files =
    '/etc/profile.d/*modules*.sh /etc/profile.d/*lmod*.sh /usr/share/lmod/lmod/init/sh /usr/share/modules/init/sh';
  const find = `command -v module >/dev/null || for file in ${files}; do [ -r "$file" ] && . "$file"; done`;
  return [...prologue, find, ...modules.map((module) => `module load ${quote(module)}`)].join('\n');
}

/** A directory there in which may be built. */
export interface PlaceThere {
  /** What the program is told to choose it. */
  key: string;
  /** What its disk is called there. */
  device: string;
  freeBytes: number;
}

/** What the program's lines up to now mean. */
export interface Progress {
  /** The runtime's version, as it says it; null: not yet. */
  runtime: string | null;
  hasNoRuntime: boolean;
  places: readonly PlaceThere[];
  failed: { code: number; log: string } | null;
  built: { sha256: string; bytes: number } | null;
}

/** Reads the lines of `buildProgram`. */
export function readBuilding(words: readonly string[]): Progress {
  const after = (start: string) => words.find((said) => said.startsWith(start))?.slice(start.length) ?? null;
  const [, code = '', log = ''] = /^(\d+) (.*)$/.exec(after('failed ') ?? '') ?? [];
  const [, sha256 = '', bytes = ''] = /^([0-9a-f]{64})\s+(\d+)$/.exec(after('built ') ?? '') ?? [];
  return {
    runtime: after('runtime '),
    hasNoRuntime: words.includes('no-runtime'),
    places: words.flatMap(placeIn),
    failed: code === '' ? null : { code: Number(code), log: Buffer.from(log, 'base64').toString('utf8') },
    built: sha256 === '' ? null : { sha256, bytes: Number(bytes) },
  };
}

function placeIn(said: string): PlaceThere[] {
  const [, key, line = ''] = /^place (\d) (.*)$/.exec(said) ?? [];
  const freeBytes = freeBytesIn(line);
  return key === undefined || freeBytes === null ? [] : [{ key, device: line.split(/\s/)[0] ?? '', freeBytes }];
}
