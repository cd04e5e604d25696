import { quote, quotePath } from '../shell.ts';
import { loginCommand } from './session-command.ts';

/** The far side of a file's delivery: the program that takes it in, as text, and what its words mean. Pure. */

/** A file as the login host is to have it. */
export interface ExpectedFile {
  directory: string;
  /** Unique to its content, so that a file of this name need not be sent again. */
  name: string;
  /** SHA-256. */
  digest: string;
  bytes: number;
  /** In octal, as `chmod` takes it. */
  mode: '600' | '700';
}

/** Nobody waits for the rest of a file that long; a part of that age is left over from somebody who died. */
const longestSeconds = 86_400;

/**
 * Takes in a file on stdin: beside its name, under a name of this delivery's own, then in one step where it belongs,
 * once its digest is right. Nothing is left of one that was cut. Says what becomes of it in lines that begin with `mark`,
 * which is new for every delivery. A file of that name is taken to be this one.
 */
export function receiveFile({ directory, name, digest, mode }: ExpectedFile, mark: string): string {
  const inner = `umask 077
c=${quotePath(directory)}
f="$c"/${quote(name)}
p="$f.part-${mark}"
say() { printf '\\n%s %s\\n' ${mark} "$1"; }
mkdir -p "$c" && [ -w "$c" ] || { say unwritable; exit 1; }
if [ -f "$f" ]; then say there; exit 0; fi
find "$c/." ! -name . -prune -type f -name '*.part-*' -mtime +0 -exec rm -f {} + 2>/dev/null
say "space $(df -Pk "$c" 2>/dev/null | tail -n 1)"
say ready
begun=
while IFS= read -r line; do case $line in "${mark} begin") begun=yes; break ;; esac; done
[ -n "$begun" ] || exit 1
trap 'rm -f "$p"' EXIT
trap 'exit 143' HUP INT PIPE TERM
if command -v timeout >/dev/null 2>&1; then timeout -k 30 ${longestSeconds} cat > "$p"; else cat > "$p"; fi || { say unwritable; exit 1; }
say arrived
found=$(sha256sum < "$p" | cut -c1-64)
if [ "$found" != ${digest} ]; then rm -f "$p"; say "differs $found"; exit 1; fi
chmod ${mode} "$p" && mv -f "$p" "$f" || { say unwritable; exit 1; }
say stored`;
  return loginCommand(inner);
}

/** How far the far side is. */
export interface Reception {
  /** It has the file, and needs none of its bytes. */
  isThere: boolean;
  /** It waits for the bytes. */
  isReady: boolean;
  /** What its disk has left; null where that is not known (a quota is not in it). */
  freeBytes: number | null;
  /** The file is in its place. */
  isStored: boolean;
  /** Something else arrived than was to be sent. */
  differs: boolean;
}

/** What the program's lines up to now mean. */
export function readReception(words: readonly string[]): Reception {
  const space = words.find((said) => said.startsWith('space '));
  return {
    isThere: words.includes('there'),
    isReady: words.includes('ready'),
    freeBytes: space === undefined ? null : freeBytesIn(space),
    isStored: words.includes('stored'),
    differs: words.some((said) => said.startsWith('differs ')),
  };
}

/** What a line of `df -Pk` says is free; null: it is none. Device and mount point may hold spaces; between them POSIX has three numbers and a share. */
export function freeBytesIn(line: string): number | null {
  const kilobytes = /\s\d+\s+\d+\s+(-?\d+)\s+[\d-]+%?\s/.exec(line)?.[1];
  return kilobytes === undefined ? null : Math.max(0, Number(kilobytes)) * 1024;
}
