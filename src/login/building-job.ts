import { quote, quotePath } from '../shell.ts';
import {
  type BuildThere,
  leftoversGone,
  preparation,
  readBuilding,
  runtimeFound,
  theBuilding,
  workingName,
} from './building-program.ts';
import { cleanShell, placeExpression } from './node-facts.ts';

/**
 * Building an image on a compute node: the same program as on the login host, as a job script that tells how far it is in a
 * file, and what is in that file. Pure.
 */

export interface BuildInJob extends BuildThere {
  /** The first lines of the pilots' script: its directives. */
  head: string;
  tag: string;
  jobDir: string;
  modules: readonly string[];
  /** As in a profile: absolute, `$NAME` or `$NAME/…`, tried before all others; null: none is named. */
  scratch: string | null;
  room: RoomWanted;
}

/** What a build takes at most. `isKnown`: the registry said so, and with less nothing is begun. */
export interface RoomWanted {
  imageBytes: number;
  workBytes: number;
  isKnown: boolean;
}

/** The jobs' directories, below the one that jobs read and write. */
export const buildsDirectory = 'build';

/** A shell word: where a job of this tag makes its image, which whoever waits for it removes, too. */
export function workingWord(directory: string, tag: string): string {
  return `${quotePath(directory)}/${workingName(tag)}`;
}

/** The job script. */
export function buildJob(order: BuildInJob): string {
  const own = workingName(order.tag);
  return [
    order.head,
    cleanShell,
    telling(order),
    `set +eu
c=${quotePath(order.directory)}
w="$c/${own}"
t= b= g=
mkdir -p "$c" && [ -w "$c" ] || { say unwritable; exit 1; }
${leftoversGone('$c')}
{
:
${preparation([], order.modules)}
} </dev/null >/dev/null 2>&1
set +eu`,
    runtimeFound(order),
    roomFound(order),
    `t="$t/${own}.tmp"`,
    theBuilding(order),
    '',
  ].join('\n');
}

// Written beside and renamed: whoever reads it never sees half of it. The line that the runtime is at replaces the one before.
function telling({ tag, jobDir }: BuildInJob): string {
  return `place=${quotePath(jobDir)}/${buildsDirectory}/${quote(tag)}
if [ ! -d "$place" ]; then
  echo "glidein: $place is not on $(uname -n), or nobody waits for the image any more" >&2
  exit 73
fi
told="glidein-build ${tag}
node $(uname -n)
"
now= before=
say() {
  [ -d "$place" ] || return 1
  case $1 in
    line*|reading*) now=$1 ;;
    *) now= told="$told$1
" ;;
  esac
  [ "$told$now" != "$before" ] || return 0
  before=$told$now
  printf '%s%s\\nend\\n' "$told" "$now" >"$place/answer.part" && mv -f "$place/answer.part" "$place/answer"
}
`;
}

// In kB, as df counts. A file system in memory would be of the job's own memory.
function roomFound({ scratch, room }: BuildInJob): string {
  const kilobytes = (bytes: number) => Math.ceil(bytes / 1024);
  const [image, work] = [kilobytes(room.imageBytes), kilobytes(room.workBytes)];
  const named = scratch === null ? '' : `"$({ printf '%s' ${placeExpression(scratch)}; } 2>/dev/null)" `;
  return `free_in() { df -Pk "$1" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 1,4; }
store=$(free_in "$c")
most=-1 there= need=${work}
for one in ${named}"\${TMPDIR-}" /var/tmp /tmp "$c"; do
  [ -n "$one" ] && [ -d "$one" ] && [ -w "$one" ] || continue
  ${leftoversGone('$one')}
  said=$(free_in "$one")
  disk=\${said% *} free=\${said##* }
  case $free in ''|*[!0-9]*) continue ;; esac
  [ "$disk" != tmpfs ] || [ "$one" = "$c" ] || continue
  needed=${work}
  [ "$disk" != "\${store% *}" ] || needed=$((needed + ${image}))
  if [ "$free" -ge "$needed" ]; then t=$one; break; fi
  if [ "$free" -gt "$most" ]; then most=$free there=$one need=$needed; fi
done
${room.isKnown ? refusal(image) : ''}[ -n "$t" ] || t=\${there:-$c}`;
}

function refusal(image: number): string {
  return `case \${store##* } in ''|*[!0-9]*) ;; *)
  if [ "\${store##* }" -lt ${image} ]; then say "no-room image.dir ${image} \${store##* } $c"; exit 1; fi
esac
if [ -z "$t" ] && [ "$most" -ge 0 ]; then say "no-room pilot.scratch $need $most $there"; exit 1; fi
`;
}

/** How far a job is. */
export interface JobProgress extends ReturnType<typeof readBuilding> {
  /** What the node calls itself. */
  node: string;
  /** What it is at; null: nothing that it would say. */
  at: string | null;
  isUnwritable: boolean;
  /** `key` of the profile names another place. */
  noRoom: { key: 'image.dir' | 'pilot.scratch'; neededBytes: number; freeBytes: number; directory: string } | null;
}

/** Reads the file of a job of this tag; null: there is none yet, or it is another's. */
export function readBuildJob(text: string, tag: string): JobProgress | null {
  const lines = text.split('\n');
  if (lines[0] !== `glidein-build ${tag}` || lines.at(-2) !== 'end') return null;
  const words = lines.slice(1, -2);
  const after = (start: string) => words.find((said) => said.startsWith(start))?.slice(start.length) ?? null;
  const [, key, needed, free, directory = ''] =
    /^(image\.dir|pilot\.scratch) (\d+) (\d+) (.*)$/.exec(after('no-room ') ?? '') ?? [];
  return {
    ...readBuilding(words),
    node: after('node ') ?? 'a node',
    at: after('reading ') === null ? after('line ') : 'reading it for its digest',
    isUnwritable: words.includes('unwritable'),
    noRoom:
      key !== 'image.dir' && key !== 'pilot.scratch'
        ? null
        : { key, neededBytes: Number(needed) * 1024, freeBytes: Number(free) * 1024, directory },
  };
}
