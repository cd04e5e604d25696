/**
 * The stand-in for Apptainer, as text. It unpacks no image; it keeps the rules that decide whether a pilot is limited:
 * the image's own declaration of `GLIDEIN_Start_Extra` wins over an exported one, a value with the runtime's prefix wins
 * over both and is evaluated once inside double quotes. The guard of the job really runs, and decides.
 *
 * A bash script. `pilot` is the program that stands for what the image starts; both as shell words.
 */
export function containerRuntime(words: { bash: string; pilot: string }): string {
  return `#!/bin/sh
exec ${words.bash} -p -c '
set -u
if [[ \${1-} == --version ]]; then echo "a stand-in for apptainer, by glidein demo"; exit 0; fi
[[ \${1-} == exec ]] || { echo "stand-in: only --version and exec are known" >&2; exit 255; }
shift
pilot_dir= inside= token= workdir=
while (($# > 0)); do
  case $1 in
    --bind)
      case $2 in
        *:/pilot) pilot_dir=\${2%:/pilot} ;;
        *:/glidein:ro) inside=\${2%:/glidein:ro} ;;
        *:/etc/condor/tokens-orig.d/*) token=\${2%%:*} ;;
      esac
      shift 2 ;;
    --workdir) workdir=$2; shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
image=\${1-}
[[ -d $workdir && -d $pilot_dir && -d $inside && \${2-} == /bin/sh && \${3-} == /glidein/guard ]] || {
  echo "stand-in: it was not started as a pilot is" >&2; exit 255; }
names=() values=()
while IFS= read -r -d "" entry; do
  name=\${entry%%=*} value=\${entry#*=}
  case $name in
    GLIDEIN_Start_Extra | SINGULARITYENV_*) ;;
    APPTAINERENV_*)
      value=\${value//\\"/\\\\\\"}
      eval "value=\\"$value\\""
      names+=("\${name#APPTAINERENV_}") values+=("$value") ;;
    *) names+=("$name") values+=("$value") ;;
  esac
done < <(env -0)
variables=()
for at in "\${!names[@]}"; do variables+=("\${names[at]}=\${values[at]}"); done
guard=$workdir/guard
mkdir -p "$guard" && cp "$inside"/* "$guard/" || exit 255
text=$(cat "$guard/guard")
printf "%s\\n" "\${text//\\/.singularity.d\\/runscript/$STAND_IN_RUNSCRIPT}" >"$guard/guard"
exec env -i "\${variables[@]}" STAND_IN_PILOT_DIR="$pilot_dir" STAND_IN_TOKEN="$token" STAND_IN_IMAGE="$image" /bin/sh "$guard/guard"
' apptainer "$@"
`.replace('$STAND_IN_RUNSCRIPT', words.pilot);
}

/** What the stand-in container runs: an idle pilot. It ends when it is told to, and with the process of the demo. */
export function standInPilot(demoProcess: number): string {
  return `#!/bin/sh
echo "stand-in pilot: this is not HTCondor. A real pilot would start it here and join the pool."
echo "stand-in pilot: image \${STAND_IN_IMAGE##*/}, \${NUM_CPUS:-all} cores\${MEMORY:+, $MEMORY MB}"
echo "stand-in pilot: START is limited by the guard to: $GLIDEIN_Start_Extra"
if [ -s "$STAND_IN_TOKEN" ]; then echo "stand-in pilot: the token is there, as a file"; fi
mkdir -p "$STAND_IN_PILOT_DIR/osgvo-pilot-stand-in/execute"
echo "stand-in pilot: idle, waiting for jobs that never come"
exec 2>/dev/null # some shells tell of every process that was ended
trap 'echo "stand-in pilot: told to end"; exit 0' TERM INT
while kill -0 ${demoProcess} 2>/dev/null || [ -d /proc/${demoProcess} ]; do
  sleep 1 &
  wait $!
done
`;
}
