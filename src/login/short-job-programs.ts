import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { quote } from '../shell.ts';

/**
 * What runs on the login host around a short job that a person waits for: beginning, looking, ending. Whatever ends the
 * session ends the job, too, and leaves nothing of it. Pure; like remote-programs.ts.
 */

/** Where a short job and whoever waits for it leave each other word: a directory of its own below the one of its kind. */
export interface JobPlace {
  /** Below `jobDir`; of all short jobs of a kind. */
  kind: string;
  tag: string;
}

/** A job that somebody waits for, and that is none of the site's pilots. */
export interface JobToRun extends JobPlace {
  script: string;
  /** Reads the script on stdin. */
  submitCommand: string;
  submitSeconds: number;
  /** Shell words: what else may be left of it where the login host sees it. */
  leavings: readonly string[];
}

/** Seconds that ending the job may take the scheduler's client. */
export const endSeconds = 60;

/** A shell word: the job's own directory, where the batch system's output goes as well. */
export function placeWord({ kind, tag }: JobPlace): string {
  return `"$j"/${kind}/${quote(tag)}`;
}

function scriptWord(tag: string): string {
  return `"$d"/jobs/${quote(tag)}.sh`;
}

/** A shell word: what the job has to find in `logDir`. */
function signWord({ kind, tag }: JobPlace): string {
  return `"$l"/${quote(`.${kind}.${tag}`)}`;
}

// dash and busybox end by a signal without their EXIT trap.
const untilTheEnd = (program: string) => `trap ${quote(program)} EXIT
trap 'exit 143' HUP TERM PIPE`;

// Another trial that ends takes away the directory of all, where it is empty, perhaps just before ours is made.
/** Makes its directory and submits it, in the session's own shell. */
export function beginJob(job: JobToRun): string {
  const { kind, tag, script, submitCommand, submitSeconds, leavings } = job;
  const digest = createHash('sha256').update(script).digest('hex');
  const [place, sign] = [placeWord(job), signWord(job)];
  return `glidein_forget() { rm -rf ${[place, scriptWord(tag), sign, ...leavings].join(' ')}; rmdir "$j/${kind}" 2>/dev/null; }
${untilTheEnd('glidein_forget')}
part place
mkdir -p "$d/jobs" "$j/seen" "$j/ends" "$j/drain" "$j/${kind}" "$l" && { mkdir ${place} 2>/dev/null || mkdir -p ${place}; } && printf '' > ${sign} \\
&& echo ${Buffer.from(script).toString('base64')} | base64 -d > ${scriptWord(tag)} \\
&& [ "$(sha256sum < ${scriptWord(tag)} | cut -c1-64)" = ${digest} ]
glidein_code=$?
part_end place $glidein_code
if [ $glidein_code -eq 0 ]; then
part submit
( trap '' HUP PIPE; see_through ${submitSeconds} ${submitCommand} < ${scriptWord(tag)} )
part_end submit $?
fi`;
}

/** From now on the end of the session ends the job as well. */
export function watchJob(cancelCommand: string): string {
  return `glidein_leave() { see_through ${endSeconds} ${cancelCommand} </dev/null >/dev/null 2>&1; glidein_forget; }
${untilTheEnd('glidein_leave')}`;
}

// A redirection that fails ends a POSIX shell where it is one of `:`.
/** Reads the answer, and the queue where it is asked for. What is written there first makes a file server's client look anew. */
export function lookAtJob(job: JobPlace, listCommand: string | null, listSeconds: number): string {
  const place = placeWord(job);
  const listing =
    listCommand === null ? '' : `\npart listing\nlimit ${listSeconds} ${listCommand}\npart_end listing $?`;
  return `part answer; printf '' > ${place}/look && rm -f ${place}/look; if [ -f ${place}/answer ]; then cat ${place}/answer; fi; part_end answer $?
part clock; date +%s; part_end clock $?${listing}`;
}

/**
 * Ends earlier jobs that nobody waits for: whoever was killed at the very submission left one, and its directory
 * is gone. Each part is a tag's.
 */
export function endOrphans(orphans: readonly (JobPlace & { cancelCommand: string })[]): string {
  const each = orphans.map(
    ({ cancelCommand, ...job }) =>
      `[ -d ${placeWord(job)} ] || { echo ${quote(job.tag)}; see_through ${endSeconds} ${cancelCommand} </dev/null >/dev/null 2>&1; }`,
  );
  return `part orphans\n${each.join('\n')}\npart_end orphans 0`;
}

/** The last words of a job that ended without an answer, as far as the batch system kept them. */
export function lastWords(job: JobPlace): string {
  return `part words; for glidein_file in ${placeWord(job)}/*; do case $glidein_file in */answer*) continue ;; esac; [ -f "$glidein_file" ] && tail -c 400 "$glidein_file"; done; part_end words 0`;
}

/** Ends the job where it is to be ended, and removes all that is left of it. In the session's own shell. */
export function endJob(cancelCommand: string | null): string {
  const cancel =
    cancelCommand === null
      ? ''
      : `part cancel\nsee_through ${endSeconds} ${cancelCommand} </dev/null\npart_end cancel $?\n`;
  return `${cancel}trap - EXIT HUP TERM PIPE
part forget
glidein_forget
part_end forget 0`;
}
