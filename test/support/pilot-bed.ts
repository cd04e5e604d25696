import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Campus } from './campus.ts';
import type { Cluster } from './cluster.ts';

/**
 * The nodes' side of a campus: a container runtime that runs "the container" on the node and tells what reached it, and a
 * scratch directory of the nodes.
 */
export interface PilotBed {
  /** What the next pilots do inside the container, as `sh` text; `$local_dir` is the pilot's own directory. */
  acts(script: string): void;
  /** Lines of bash that run in the runtime's place before it looks at its environment. */
  runtimeLoses(script: string): void;
  /** One for each pilot that got as far as the image's own start, by the job's id in Slurm; of one of several on a job's nodes, with its number. */
  started(): Report[];
  /** The directories that pilots have on the nodes now. */
  scratches(): string[];
  /** Assignments that make a site use it. */
  settings: string[];
  remove(): void;
}

/** What one pilot told. */
export interface Report {
  jobId: string;
  /** `NAME=value`, as the image's own start saw them. */
  environment: string[];
  /** The attributes file's text. */
  attributes: string;
  /** `SOURCE:TARGET[:ro]` */
  binds: string[];
}

const runtime = `#!/bin/bash -p
here=\${0%/*}
export STAND_IN_REPORT=$here/reports/\${SLURM_JOB_ID-none}\${SLURM_STEP_ID+_n$SLURM_PROCID}
export STAND_IN_RUNSCRIPT=$here/runscript
STAND_IN_ACTS=$(cat "$here/acts")
export STAND_IN_ACTS
mkdir -p "$STAND_IN_REPORT"
source "$here/loses"
exec "$here/stand-in" "$@"
`;

/** Makes a bed for the jobs of the cluster's users. */
export function pilotBed(cluster: Cluster): PilotBed {
  const directory = mkdtempSync(join(cluster.prefix, 'pilots-'));
  const at = (name: string) => join(directory, name);
  chmodSync(directory, 0o755);
  for (const name of ['reports', 'scratch']) {
    mkdirSync(at(name));
    chmodSync(at(name), 0o1777);
  }
  const standIn = (name: string) => fileURLToPath(new URL(`./stand-in-runtime/${name}`, import.meta.url));
  copyFileSync(standIn('apptainer'), at('stand-in'));
  copyFileSync(standIn('runscript'), at('runscript'));
  writeFileSync(at('apptainer'), runtime);
  for (const name of ['stand-in', 'runscript', 'apptainer']) chmodSync(at(name), 0o755);
  const bed: PilotBed = {
    acts: (script) => writeFileSync(at('acts'), script),
    runtimeLoses: (script) => writeFileSync(at('loses'), script),
    started: () =>
      readdirSync(at('reports'))
        .filter((jobId) => existsSync(at(`reports/${jobId}/token`)))
        .map((jobId) => reportIn(at(`reports/${jobId}`), jobId)),
    scratches: () => readdirSync(at('scratch')).map((name) => at(`scratch/${name}`)),
    settings: [`pilot.runtime=${at('apptainer')}`, `pilot.scratch=${at('scratch')}`],
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
  bed.acts('exit 0');
  bed.runtimeLoses('');
  return bed;
}

function reportIn(directory: string, jobId: string): Report {
  const text = (name: string) => readFileSync(join(directory, name), 'utf8');
  return {
    jobId,
    environment: text('inner-env')
      .split('\0')
      .filter((entry) => entry !== ''),
    attributes: text('attributes'),
    binds: text('binds').trim().split('\n'),
  };
}

/** A pilot's last mark, `ends/ID`, as its words are called. */
export interface Ending {
  tag: string;
  index: string;
  code: string;
  reason: string;
  node: string;
  startedAt: number;
  endedAt: number;
}

/** The last mark of a pilot; null while there is none. */
export function endingOf(here: Pick<Campus, 'remoteDir'>, id: string): Ending | null {
  const file = join(here.remoteDir, 'ends', id);
  if (!existsSync(file)) return null;
  const [word, tag = '', index = '', code = '', reason = '', node = '', start, end, dot] = readFileSync(file, 'utf8')
    .replace(/\n$/, '')
    .split(' ');
  if (word !== 'end' || dot !== '.') throw new Error(`${file} is not a mark: ${readFileSync(file, 'utf8')}`);
  return { tag, index, code, reason, node, startedAt: Number(start), endedAt: Number(end) };
}
