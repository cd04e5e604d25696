import { complaint, type PbsFlavour } from './pbs-flavour.ts';
import { withServer } from './pbs-listing.ts';
import { isOver, type PbsRecord, recordById } from './pbs-records.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';

type Act = (record: PbsRecord, ground: CommandGround) => void;

const acts: Readonly<Record<string, Act>> = {
  qdel: ({ jobs }, { system }) => {
    for (const job of jobs) system.cancel(job);
  },
  qhold: ({ jobs }, { system }) => {
    for (const job of jobs) system.hold(job);
  },
  qrls: ({ jobs }, { system }) => {
    for (const job of jobs) system.release(job);
  },
};

/** `qdel`, `qhold` and `qrls`: each id by itself; the exit status is that of the last complaint. */
export function controlJobs(call: CommandCall, ground: CommandGround, flavour: PbsFlavour): Answer {
  const { program } = call;
  const ids = operandsOf(call.args);
  if (ids.length === 0)
    return refused(
      `usage:\n\t${program} [-W force|suppress_email=X] [-x] job_identifier...\n\t${program} --version`,
      2,
    );
  const complaints = ids.flatMap((id) => actOn(id, call, { ground, flavour }));
  const last = complaints.at(-1);
  return last === undefined ? said('') : { ...last, stderr: complaints.map(({ stderr }) => stderr).join('') };
}

/** `-W delay` and `-h u` take a word each. */
function operandsOf(args: readonly string[]): string[] {
  return args.filter((arg, at) => !arg.startsWith('-') && !/^-[Wht]$/.test(args[at - 1] ?? ''));
}

function actOn(id: string, { program }: CommandCall, to: { ground: CommandGround; flavour: PbsFlavour }): Answer[] {
  const { ground, flavour } = to;
  const server = ground.system.cluster.name;
  const jobs = flavour.showsOver || !ground.hasAccounting ? ground.system.jobs() : ground.system.history();
  const record = recordById(id, jobs, server);
  if (record === null) return [complaint(program, `illegally formed job identifier: ${id}`, 1)];
  if (record === 'unknown') return [complaint(program, flavour.unknownJob(withServer(id, server)), 153)];
  if (isOver(record)) return isOverComplaint(record, program, to);
  if (program !== 'qdel' && record.kind === 'element' && !flavour.elementsAreJobs)
    return [complaint(program, `Invalid request ${record.id}`, 156)];
  acts[program]?.(record, ground);
  return [];
}

function isOverComplaint(
  { id, kind, jobs: [job] }: PbsRecord,
  program: string,
  { ground, flavour }: { ground: CommandGround; flavour: PbsFlavour },
): Answer[] {
  const { codes, showsOver } = flavour;
  const arrayLives = ground.system.alive().some(({ submission }) => submission === job.submission);
  if (kind === 'element' && arrayLives && !showsOver)
    return [complaint(program, `Request invalid for finished array subjob ${id}`, 55)];
  if (!ground.hasAccounting && !showsOver) return [complaint(program, flavour.unknownJob(id), 153)];
  return [complaint(program, flavour.finishedJob(id), codes.finished)];
}
