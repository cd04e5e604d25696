import { templateHelpers } from '../script/render.ts';
import { commandLine, quote, quotePath } from '../shell.ts';

/**
 * The job that tries out on a compute node what a site's pilots need there, as text, and what it answers. Its directives
 * are those of the pilots' own script. bash 4.2 and coreutils are all it needs, as for a pilot. Pure.
 */

/** What is to be tried out. */
export interface NodeWanted {
  /** The first lines of the pilots' script. */
  head: string;
  /** The trial's own directory below `jobDir`. */
  tag: string;
  jobDir: string;
  logDir: string;
  /** A path, or an URI, which is not tried. */
  image: string;
  modules: readonly string[];
  runtime: string;
  /** As in a profile: absolute, `$NAME` or `$NAME/…`; null: `$TMPDIR`, else `/tmp`. */
  scratch: string | null;
  gpus: boolean;
  /** Jobs' own containers get PID namespaces of their own. */
  pidNamespaces: boolean;
  /** Repositories of which one that is not there is told; none: any will do. */
  repositories: readonly string[];
  squid: Address | null;
  /** One of them must take a connection. */
  pool: readonly Address[];
  registry: readonly Address[];
}

export interface Address {
  host: string;
  port: number;
}

/** The trial's directory, below the one that jobs read and write. */
export const trialsDirectory = 'check';

/** The most that it can take, everything that never answers included. */
export const longestTrialSeconds = 600;

/** The lines of a script up to its first command: what starts it, and all directives. */
export function headOf(script: string): string {
  const lines = script.split('\n');
  const first = lines.findIndex((line) => line !== '' && !line.startsWith('#'));
  return `${lines
    .slice(0, first < 0 ? lines.length : first)
    .join('\n')
    .trimEnd()}\n`;
}

/** The job script. */
export function nodeProgram(wanted: NodeWanted): string {
  return [
    wanted.head,
    cleanShell,
    ground,
    values(wanted),
    whoAndWhere,
    ...(wanted.modules.length === 0 ? [] : [`${modules}load_all ${commandLine(wanted.modules)}\n`]),
    runtime,
    scratchPlace(wanted.scratch),
    container(wanted),
    limits,
    cvmfs(wanted.repositories),
    network(wanted),
    ...(wanted.gpus ? [gpus] : []),
    ending,
  ].join('\n');
}

// Functions of the submitting shell must not stand in for the commands below; in posix mode unset itself cannot be one.
/** How a job script of bash begins, so that what it calls is what it means. */
export const cleanShell = `set -u -o pipefail
set -o posix
unset -f builtin command compgen printf read export exit trap
for name in $(compgen -A function); do unset -f "$name"; done
set +o posix
umask 077
export PATH="\${PATH:+$PATH:}/usr/local/bin:/usr/bin:/bin"
if [[ \${HOME-} != /* || ! -d $HOME ]]; then
  unset -v HOME
  HOME=~
  export HOME
fi
cd / || exit 1
`;

const ground = `answer=
scratch=
trap '[[ -z $scratch ]] || rm -rf -- "$scratch"' EXIT

# tell NAME STATUS TEXT: a line of the answer.
tell() {
  local text=\${3//[[:cntrl:]]/ }
  answer+="$1 $2 \${text:0:300}"$'\\n'
}
# The words of the system, without what bash says before them: the script, the line, and the file.
plain() { printf '%s' "\${1##*: }"; }
# writes_in DIRECTORY: what was written is read back, since a full disk need not be noticed before.
writes_in() {
  local file=$1/.check.$tag.$$ code
  printf check >"$file" && [[ $(<"$file") == check ]]
  code=$?
  rm -f -- "$file"
  return "$code"
}
`;

function values({ tag, jobDir, logDir, image, runtime: wanted }: NodeWanted): string {
  return `tag=${quote(tag)}
job_dir=${quotePath(jobDir)}
log_dir=${quotePath(logDir)}
image=${quotePath(image)}
wanted_runtime=${quote(wanted)}
place=$job_dir/${trialsDirectory}/$tag
if [[ ! -d $place ]]; then
  echo "glidein: $place is not on $(uname -n), or nobody waits for the answer any more" >&2
  exit 73
fi
`;
}

// logDir may be there and be another disk's: the login host has put a file into it.
const whoAndWhere = `tell node 0 "$(uname -n)"
said=$(id -un 2>&1)
tell user $? "$said"
tell root $((UID == 0 || EUID == 0)) "$UID"
code=0
for directory in "$job_dir/seen" "$job_dir/ends"; do
  said=$(writes_in "$directory" 2>&1)
  code=$?
  ((code == 0)) || break
done
tell marks "$code" "$(plain "$said")"
if [[ ! -d $log_dir ]]; then
  tell logs 2 ''
elif [[ ! -e $log_dir/.check.$tag ]]; then
  tell logs 3 ''
else
  said=$(writes_in "$log_dir" 2>&1)
  tell logs $? "$(plain "$said")"
fi
if [[ $image != *://* ]]; then
  [[ -r $image ]]
  tell image $? ''
fi
`;

// As the pilots' script loads them.
const modules = `set +u # their own scripts are not written for it
if ! declare -F module >/dev/null; then
  for file in "\${LMOD_PKG-}/init/bash" "\${MODULESHOME-}/init/bash" /etc/profile.d/*modules*.sh /etc/profile.d/*lmod*.sh \\
    /usr/share/lmod/lmod/init/bash /usr/share/Modules/init/bash /usr/share/modules/init/bash; do
    # shellcheck disable=SC1090
    if [[ -r $file ]] && source "$file" && declare -F module >/dev/null; then break; fi
  done
fi
load_all() {
  local name missing=
  for name; do
    module load "$name" >/dev/null 2>&1 || missing+=" $name"
  done
  if [[ -n $missing ]]; then tell modules 1 "\${missing# }"; else tell modules 0 "$*"; fi
}
set -u -o pipefail
`;

const runtime = `runtime=
if [[ $wanted_runtime == auto ]]; then
  runtime=$(type -P apptainer || type -P singularity) || runtime=
elif ! runtime=$(type -P -- "$wanted_runtime"); then
  runtime=
fi
if [[ -z $runtime ]]; then
  tell runtime 127 ''
else
  said=$(timeout -k 5 30 "$runtime" --version 2>&1 </dev/null)
  code=$?
  tell runtime "$code" "$said"
  tell program 0 "$runtime"
  ((code == 0)) || runtime=
fi
if type -P unshare >/dev/null; then
  said=$(timeout -k 5 10 unshare -rm true 2>&1 </dev/null)
  tell namespaces $? "$said"
else
  tell namespaces 127 'there is no unshare'
fi
if [[ ! -e /dev/fuse ]]; then
  tell fuse 2 ''
else
  [[ -r /dev/fuse && -w /dev/fuse ]]
  tell fuse $? ''
fi
`;

/** A shell word: a directory as a profile names it. */
export function placeExpression(place: string): string {
  return templateHelpers.place(place);
}

function scratchPlace(scratch: string | null): string {
  const root =
    scratch === null
      ? `scratch_root=\${TMPDIR:-/tmp}
if [[ ! -d $scratch_root || ! -w $scratch_root ]]; then scratch_root=/tmp; fi
`
      : `scratch_root=$({ printf '%s' ${placeExpression(scratch)}; } 2>&1)
`;
  return `${root}if [[ $scratch_root != /* || $scratch_root == *[:,\\\\\\"]* ]]; then
  tell scratch 1 "\${scratch_root#*: line *: }"
elif ! said=$(mktemp -d -- "$scratch_root/glidein-XXXXXXXXXX" 2>&1); then
  tell scratch 2 "$said"
else
  scratch=$said
  said=$(LC_ALL=C df -Pk -- "$scratch" 2>/dev/null)
  free=
  if [[ $said =~ [[:space:]]([0-9]+)[[:space:]]+[0-9]+%[[:space:]] ]]; then free=$((BASH_REMATCH[1] / 1024)); fi
  said=$(writes_in "$scratch" 2>&1)
  code=$?
  if ((code == 0)); then
    tell scratch 0 "\${free:--} $(stat -f -c %T -- "$scratch" 2>/dev/null || echo unknown) $scratch_root"
  else
    tell scratch 3 "$(plain "$said")"
  fi
fi
`;
}

// The container starts as a pilot's does. A job's container is one of the same image inside it: what HTCondor starts, too.
function container({ gpus: hasGpus, pidNamespaces }: NodeWanted): string {
  const devices = `if [[ -e /dev/nvidiactl ]]; then options+=(--nv); fi
  if [[ -e /dev/kfd ]]; then options+=(--rocm); fi
  `;
  return `for name in $(compgen -e); do
  case $name in
    APPTAINER_CACHEDIR | APPTAINER_TMPDIR | SINGULARITY_CACHEDIR | SINGULARITY_TMPDIR) ;;
    APPTAINER* | SINGULARITY* | *_BIND | *_BINDPATH | LD_PRELOAD | LD_AUDIT | BASH_ENV | ENV) unset -v "$name" ;;
  esac
done
if [[ -n $runtime && -n $scratch && $image != *://* && -r $image ]] &&
  mkdir -- "$scratch/pilot" "$scratch/workdir" "$scratch/inside"; then
  cat >"$scratch/inside/guard" <<'INSIDE'
#!/bin/sh
echo glidein-inside
program=$(command -v apptainer || command -v singularity)
if [ -z "$program" ]; then
  echo 'glidein-nested 127 neither apptainer nor singularity is in the image'
  exit 0
fi
said=$(timeout 60 "$program" exec --contain${pidNamespaces ? ' --pid' : ''} /glidein-image /bin/sh -c 'echo glidein-nested-inside' 2>&1 </dev/null)
code=$?
case $said in
  *glidein-nested-inside*) echo 'glidein-nested 0 it starts' ;;
  *) echo "glidein-nested \${code#0} $(printf '%s' "$said" | tail -n 1)" ;;
esac
INSIDE
  options=(exec --contain --workdir "$scratch/workdir" --bind "$scratch/pilot:/pilot" --bind "$scratch/inside:/glidein:ro")
  options+=(--bind "$image:/glidein-image:ro")
  if [[ -e /dev/fuse ]]; then options+=(--bind /dev/fuse); fi
  ${hasGpus ? devices : ''}said=$(timeout -k 5 150 "$runtime" "\${options[@]}" "$image" /bin/sh /glidein/guard 2>&1 </dev/null)
  code=$?
  if [[ $said != *glidein-inside* ]]; then
    tell container "$((code == 0 ? 1 : code))" "$(tail -n 3 <<<"$said")"
  else
    tell container 0 ''
    if [[ $said =~ glidein-nested\\ ([0-9]*)\\ ([^$'\\n']*) ]]; then
      tell nested "\${BASH_REMATCH[1]:-1}" "\${BASH_REMATCH[2]}"
    else
      tell nested 124 "$(tail -n 1 <<<"$said")"
    fi
  fi
fi
`;
}

const limits = `tell files 0 "$(ulimit -Hn)"
`;

// Under autofs /cvmfs looks empty until somebody asks for what should be in it, and a broken one never answers.
function cvmfs(repositories: readonly string[]): string {
  if (repositories.length === 0)
    return `code=1
for directory in /cvmfs/config-osg.opensciencegrid.org /cvmfs; do
  if [[ -n $(timeout 20 ls -A "$directory" 2>/dev/null) ]]; then code=0; fi
done
tell cvmfs "$code" ''
`;
  return `repositories_are_there() {
  local name missing=
  for name; do
    if [[ -z $(timeout 20 ls -A "/cvmfs/$name" 2>/dev/null) ]]; then missing+=" $name"; fi
  done
  if [[ -n $missing ]]; then tell cvmfs 1 "\${missing# }"; else tell cvmfs 0 ''; fi
}
repositories_are_there ${commandLine(repositories)}
`;
}

function network({ squid, pool, registry }: NodeWanted): string {
  const asked = [
    ...(squid === null ? [] : [`ask_proxy ${addressWords([squid])}`]),
    ...(pool.length === 0 ? [] : [`reach pool ${addressWords(pool)}`]),
    ...(registry.length === 0 ? [] : [`reach registry ${addressWords(registry)}`]),
  ];
  const needed = [...(squid === null ? [] : [askProxy]), ...(pool.length + registry.length === 0 ? [] : [reach])];
  return `${[...needed, ...asked].join('\n')}\n`;
}

function addressWords(addresses: readonly Address[]): string {
  return commandLine(addresses.flatMap(({ host, port }) => [host, String(port)]));
}

// bash says why in the line before its last: of a name without an address that one is `Invalid argument` (4.2 to 5.2).
// Any answer of HTTP will do: what a proxy refuses to fetch it still answers.
const askProxy = `fetch_by() {
  timeout -k 2 10 bash -s "$1" "$2" <<'FETCH'
exec 3<>"/dev/tcp/$1/$2" || exit 1
printf 'GET http://%s:%s/ HTTP/1.0\\r\\n\\r\\n' "$1" "$2" >&3
IFS= read -r line <&3 || exit 1
printf '%s' "$line"
FETCH
}
ask_proxy() {
  local said code
  said=$(fetch_by "$1" "$2" 2>&1)
  code=$?
  if ((code != 0)); then said=\${said%$'\\n'*}; fi
  said=\${said##*$'\\n'}
  if ((code == 0)) && [[ $said != HTTP/* ]]; then
    code=1
    said='what answers is no proxy'
  fi
  tell squid "$code" "\${said##*: }"
}`;

const reach = `connect() {
  timeout -k 2 10 bash -s "$1" "$2" <<'CONNECT'
exec 3<>"/dev/tcp/$1/$2"
CONNECT
}
# reach NAME HOST PORT...: whether one of them takes a connection.
reach() {
  local name=$1 said code=1 words=
  shift
  while (($# > 1)); do
    said=$(connect "$1" "$2" 2>&1)
    code=$?
    if ((code == 0)); then
      words=$1:$2
      break
    fi
    if ((code == 124)); then said='no answer in 10 s'; fi
    said=\${said%$'\\n'*}
    said=\${said##*$'\\n'}
    words+="\${words:+, }$1:$2 (\${said##*: })"
    shift 2
  done
  tell "$name" "$code" "$words"
}`;

const gpus = `if said=$(timeout -k 5 30 nvidia-smi -L 2>/dev/null </dev/null); then
  tell gpus 0 "$(grep -c '^GPU ' <<<"$said") \${said%%$'\\n'*}"
else
  count=0
  for device in /dev/nvidia[0-9]* /dev/dri/renderD*; do
    [[ -e $device && ($device == /dev/nvidia* || -e /dev/kfd) ]] && count=$((count + 1))
  done
  tell gpus 0 "$count devices"
fi
`;

const ending = `printf -v now '%(%s)T' -1
tell clock 0 "$now"
[[ -z $scratch ]] || rm -rf -- "$scratch"
scratch=
if printf 'glidein-node %s\\n%send\\n' "$tag" "$answer" >"$place/answer.part"; then
  mv -f -- "$place/answer.part" "$place/answer"
fi
`;

/** What one of the trials came to, by its exit status. */
export interface NodeFact {
  status: number;
  said: string;
}

/** The answer of that trial by the names of the facts; null: it is not whole, or another's. */
export function readAnswer(text: string, tag: string): ReadonlyMap<string, NodeFact> | null {
  const lines = text.split('\n');
  if (lines[0] !== `glidein-node ${tag}` || lines.at(-2) !== 'end' || lines.at(-1) !== '') return null;
  const facts = lines.slice(1, -2).map((line) => /^([a-z]+) (\d+) (.*)$/.exec(line));
  return new Map(
    facts.flatMap((fact) =>
      fact === null ? [] : [[fact[1] ?? '', { status: Number(fact[2]), said: (fact[3] ?? '').trim() }] as const],
    ),
  );
}
