import { type SchedulerKind, schedulers } from '../schedulers/index.ts';
import type { Discovery, Scheduler } from '../schedulers/scheduler.ts';
import { commandLine, quote } from '../shell.ts';
import { ask, type Part } from './remote-programs.ts';

/** What can be found out about a cluster before there is a profile for it: two programs that only look, and what they say. Pure. */

/** What of it is known. */
export interface ClusterFacts {
  /** The name one is logged in with; null: it was not told. */
  user: string | null;
  /** The batch systems that may be meant. */
  schedulers: readonly FoundScheduler[];
  /** The version of the container runtime on the login node; null: none is on PATH there. */
  runtime: string | null;
  /** Modules with a container runtime, the one to take first. */
  modules: readonly string[];
  /** A SIF in `~/.glidein`, the newest; null: there is none. */
  image: string | null;
}

/** A batch system whose clients are there. */
export interface FoundScheduler {
  kind: SchedulerKind;
  /** In its own words; null: its clients do not say, as where they find no cluster. */
  version: string | null;
  discovery: Discovery;
}

/** Nothing of what is asked here may hold up the rest. */
const oneSeconds = 10;

/** The most that the first program may take. */
export const clusterSeconds = 6 * oneSeconds;

const kindsOfTable = Object.keys(schedulers) as SchedulerKind[];

/** The batch systems to look for: all, or the one that the person named. */
export function kindsFor(named: SchedulerKind | null): readonly SchedulerKind[] {
  return named === null ? kindsOfTable : [named];
}

/** The defaults that would change what any of their clients do. */
export function defaultsOf(kinds: readonly SchedulerKind[]): string[] {
  return kinds.flatMap((kind) => [...schedulers[kind].defaultsPrefixes]);
}

/** The first program: who one is there, whose clients there are, and what containers start with. */
export function clusterProgram(kinds: readonly SchedulerKind[]): string {
  return [
    'part user; id -un; part_end user $?',
    ...kinds.map(clientsSought),
    // Compute nodes often have what login nodes lack, and the other way about: it is only told.
    `part runtime; for glidein_name in apptainer singularity; do if command -v $glidein_name >/dev/null 2>&1; then limit ${oneSeconds} $glidein_name --version; break; fi; done; part_end runtime $?`,
    `part modules; if command -v bash >/dev/null 2>&1; then limit ${oneSeconds} bash -c ${quote(modulesSought)} 2>&1; fi; part_end modules $?`,
    'part images; if cd "$HOME/.glidein" 2>/dev/null; then ls -t | grep \'\\.sif$\'; fi; part_end images 0',
  ].join('\n');
}

/** Its version is asked only where all of its clients are there. */
function clientsSought(kind: SchedulerKind): string {
  const { clients }: Scheduler = schedulers[kind];
  return `part there-${kind}; for glidein_name in ${commandLine(clients.needed)}; do command -v $glidein_name >/dev/null 2>&1 || { glidein_name=; break; }; done
[ -n "$glidein_name" ]; glidein_there=$?; part_end there-${kind} $glidein_there
if [ $glidein_there -eq 0 ]; then
${ask(`version-${kind}`, clients.versionCommand, oneSeconds)}
fi`;
}

// As the job script finds the function, where the login shell has not handed it on. Lmod lists on stderr.
const modulesSought = `if ! declare -F module >/dev/null; then
for file in "\${LMOD_PKG-}/init/bash" "\${MODULESHOME-}/init/bash" /etc/profile.d/*modules*.sh /etc/profile.d/*lmod*.sh /usr/share/lmod/lmod/init/bash /usr/share/Modules/init/bash /usr/share/modules/init/bash; do
if [ -r "$file" ] && . "$file" >/dev/null 2>&1 && declare -F module >/dev/null; then break; fi
done
fi
if declare -F module >/dev/null; then for name in apptainer singularity; do module -t avail "$name"; done; fi </dev/null`;

/** The second program: what the queues of these offer. */
export function queuesProgram(kinds: readonly SchedulerKind[], listSeconds: number): string {
  return kinds.map((kind) => ask(`discover-${kind}`, schedulers[kind].discoverCommand(), listSeconds)).join('\n');
}

type Parts = ReadonlyMap<string, Part>;

/**
 * Whose clients are there. PBS, Torque and Grid Engine have clients of the same names: there the version tells which it is,
 * and where it tells none of them, all may be meant, unless another batch system is there that brings such clients along.
 */
export function kindsIn(parts: Parts, kinds: readonly SchedulerKind[]): SchedulerKind[] {
  const there = kinds.filter((kind) => parts.get(`there-${kind}`)?.code === 0);
  const known = there.filter((kind) => isSure(kind, parts));
  return known.length > 0 ? known : there;
}

function isSure(kind: SchedulerKind, parts: Parts): boolean {
  const { versionSays }: Scheduler['clients'] = schedulers[kind].clients;
  return versionSays === undefined || versionSays.test(wordsOf(parts.get(`version-${kind}`)));
}

function wordsOf(part: Part | undefined): string {
  return part === undefined ? '' : `${part.stdout}\n${part.stderr}`.trim();
}

/** What both programs said; `queues` are the parts of the second. */
export function clusterFacts(parts: Parts, queues: Parts, kinds: readonly SchedulerKind[]): ClusterFacts {
  const runtime = parts.get('runtime');
  return {
    user: firstLine(parts.get('user')?.stdout ?? ''),
    schedulers: kinds.map((kind) => ({
      kind,
      version: versionIn(parts.get(`version-${kind}`)),
      discovery: schedulers[kind].parseDiscovery(queues.get(`discover-${kind}`) ?? cut),
    })),
    runtime: runtime?.code === 0 ? firstLine(runtime.stdout) : null,
    modules: modulesIn(parts.get('modules')?.stdout ?? ''),
    image: imageIn(parts.get('images')?.stdout ?? ''),
  };
}

function versionIn(part: Part | undefined): string | null {
  return part?.code === 0 ? firstLine(wordsOf(part)) : null;
}

const cut: Part = { stdout: '', stderr: 'the answer is cut', code: 137 };

function firstLine(text: string): string | null {
  const line = text.trim().split('\n', 1)[0]?.trim().slice(0, 200) ?? '';
  return line === '' ? null : line;
}

/** A file of `~/.glidein` that a profile can name. */
function imageIn(text: string): string | null {
  const name = text.split('\n').find((line) => /^[\w][\w.+-]*\.sif$/.test(line));
  return name === undefined ? null : `~/.glidein/${name}`;
}

/**
 * The modules in what `module -t avail` printed: a name a line, between lines that name directories. A default is marked
 * (Lmod 8: `apptainer/1.3(default)`, Modules 5: `apptainer/1.3(default)` too). Apptainer first, then the default, then the newest.
 */
export function modulesIn(text: string): string[] {
  const lines = text.split('\n').map((line) => line.trim());
  const found = lines.flatMap((line) => {
    const [, name, mark = ''] =
      /^((?:[\w.+-]+\/)*(?:apptainer|singularity)(?:[-/][\w./+-]*\w)?)((?:\([^)]*\))*)$/i.exec(line) ?? [];
    return name === undefined ? [] : [{ name, isDefault: /\((?:default|D)\b/.test(mark) }];
  });
  const newest = (one: string, other: string) => other.localeCompare(one, 'en', { numeric: true });
  const rank = ({ name, isDefault }: (typeof found)[number]) => (/apptainer/i.test(name) ? 0 : 2) + (isDefault ? 0 : 1);
  const sorted = found.toSorted((one, other) => rank(one) - rank(other) || newest(one.name, other.name));
  return [...new Set(sorted.map(({ name }) => name))];
}
