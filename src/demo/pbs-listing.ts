import type { Job } from './batch-system.ts';
import { type OptionTable, parseOptions } from './command-options.ts';
import { attributesOf } from './pbs-attributes.ts';
import { complaint, type PbsFlavour } from './pbs-flavour.ts';
import { isOver, type PbsRecord, recordById, recordsOf, shownName, stateLetter } from './pbs-records.ts';
import { calendarTime, clock } from './pbs-times.ts';
import {
  type Answer,
  type CommandCall,
  type CommandGround,
  jobsLeft,
  refused,
  said,
  textLeft,
} from './scheduler-command.ts';

type Asked = { call: CommandCall; ground: CommandGround; flavour: PbsFlavour };

const listingTable: OptionTable = {
  f: { short: 'f', takes: 'nothing' },
  t: { short: 't', takes: 'nothing' },
  x: { short: 'x', takes: 'nothing' },
  w: { short: 'w', takes: 'nothing' },
  a: { short: 'a', takes: 'nothing' },
  s: { short: 's', takes: 'nothing' },
  n: { short: 'n', takes: 'nothing' },
  1: { short: '1', takes: 'nothing' },
  u: { short: 'u', takes: 'value' },
};

/** `qstat` of jobs. Without ids: all of them. */
export function listJobs(asked: Asked): Answer {
  const { call, ground, flavour } = asked;
  const { options, operands, mistake } = parseOptions(call.args, listingTable);
  if (mistake !== null) return refused(`qstat: invalid option -- '${mistake.charAt(1)}'`, 2);
  const isAsk = asksForOne(call.args);
  const failure = isAsk ? askFailure(asked) : listFailure('qstat', 255, asked);
  if (failure !== null) return failure;
  const wantsOver = flavour.showsOver || (options.has('x') && ground.hasAccounting);
  if (options.has('x') && !flavour.showsOver && !ground.hasAccounting)
    return {
      stdout: '',
      stderr: `qstat: ${noHistory}${operands[0] === undefined ? '' : ` ${operands[0]}`}\n`,
      code: 0,
    };
  const found = wanted(operands, { asked, elements: options.has('t'), wantsOver });
  const shown = found.records;
  const isUnfolded = options.has('1') || options.has('w');
  const text =
    shown.length === 0
      ? ''
      : options.has('f')
        ? shown.map((one) => fullText(one, asked, isUnfolded)).join('')
        : tableOf(shown, asked);
  const answer = isAsk ? text : textLeft(text, ground.faults);
  return { stdout: answer, stderr: found.complaints.map((line) => `${line}\n`).join(''), code: found.code };
}

/** One id, in full, and nothing else. */
export function asksForOne(args: readonly string[]): boolean {
  const operands = args.filter((arg) => !arg.startsWith('-'));
  const options = args.filter((arg) => arg.startsWith('-')).join('');
  return operands.length === 1 && options.includes('f') && !options.includes('t') && !options.includes('x');
}

const hasFinished = 'Job has finished, use -x or -H to obtain historical job information';

const noHistory = 'PBS is not configured to maintain job history';

function askFailure({ ground }: Asked): Answer | null {
  return ground.faults.take('askFails') === null ? null : complaint('qstat', 'Premature end of message', 183);
}

function listFailure(program: string, code: number, { ground }: Asked): Answer | null {
  const words = `Connection refused\n${program}: cannot connect to server ${ground.system.cluster.name} (errno=15010)`;
  if (ground.faults.take('listFails') !== null) return refused(words, code);
  return ground.faults.take('listErrorWithExit0') === null ? null : refused(words, 0);
}

interface Found {
  records: PbsRecord[];
  complaints: string[];
  /** Of the last complaint. */
  code: number;
}

function wanted(
  ids: readonly string[],
  { asked, elements, wantsOver }: { asked: Asked; elements: boolean; wantsOver: boolean },
): Found {
  const { ground, flavour } = asked;
  const server = ground.system.cluster.name;
  const jobs = visibleJobs(asked, wantsOver);
  const found: Found = { records: [], complaints: [], code: 0 };
  const complain = (words: string, code: number) => {
    found.complaints.push(`qstat: ${words}`);
    found.code = code;
  };
  if (ids.length === 0) {
    const all = recordsOf(jobs, server, elements);
    return { ...found, records: all.filter((one) => wantsOver || !isOver(one) || one.kind === 'element') };
  }
  for (const id of ids) {
    const record = recordById(id, jobs, server);
    if (record === null) complain(`illegally formed job identifier: ${id}`, 1);
    else if (record === 'unknown') complain(flavour.unknownJob(withServer(id, server)), 153);
    else if (isOver(record) && !wantsOver && !belongsToLiving(record, jobs)) {
      if (ground.hasAccounting) complain(`${record.id} ${hasFinished}`, flavour.codes.finished);
      else complain(flavour.unknownJob(record.id), 153);
    } else
      found.records.push(...(elements && record.kind === 'array' ? recordsOf(record.jobs, server, true) : [record]));
  }
  return found;
}

export function withServer(id: string, server: string): string {
  return id.includes('.') ? id : `${id}.${server}`;
}

/** What is over is remembered by its history, or for a while. */
function visibleJobs({ ground, flavour }: Asked, wantsOver: boolean): readonly Job[] {
  const { system, hasAccounting } = ground;
  return !flavour.showsOver && (wantsOver || hasAccounting) ? system.history() : system.jobs();
}

/** An element that is over is shown as long as its array is not. */
function belongsToLiving({ kind, jobs: [job] }: PbsRecord, jobs: readonly Job[]): boolean {
  return kind === 'element' && jobs.some((one) => one.submission === job.submission && one.state !== 'over');
}

function fullText(record: PbsRecord, { call, ground, flavour }: Asked, isUnfolded: boolean): string {
  const time = (ms: number) => calendarTime(ms, call.environment);
  const lines = attributesOf(record, { ground, flavour, time }).map(([name, value]) => `    ${name} = ${value}`);
  const shown = isUnfolded ? lines : lines.map(folded);
  return `Job Id: ${record.id}\n${shown.join('\n')}\n\n`;
}

/** A long line goes on behind a tab, after a comma where there is one. */
function folded(line: string): string {
  const pieces: string[] = [];
  let rest = line;
  while (rest.length > 78) {
    const comma = rest.lastIndexOf(',', 77);
    const length = comma > 20 ? comma + 1 : 78;
    pieces.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return [...pieces, rest].join('\n\t');
}

function tableOf(records: readonly PbsRecord[], { ground, flavour }: Asked): string {
  const lines = records.map((record) => {
    const [job] = record.jobs;
    const whole = record.kind === 'array' ? job.request.name : shownName(job, flavour);
    const name = whole.length > 15 ? `${whole.slice(0, 15)}*` : whole;
    const used = job.startedAt === null || record.kind === 'array' ? '0' : clock((Date.now() - job.startedAt) / 1000);
    const columns = [record.id.padEnd(17), name.padEnd(16), ground.user.name.padEnd(17), used.padStart(8)];
    return `${columns.join(' ')} ${stateLetter(record, flavour)} ${job.request.queue.padEnd(16)}\n`;
  });
  return `Job id            Name             User              Time Use S Queue
----------------  ---------------- ----------------  -------- - -----
${lines.join('')}`;
}

const selectTable: OptionTable = {
  u: { short: 'u', takes: 'value' },
  N: { short: 'N', takes: 'value' },
  q: { short: 'q', takes: 'value' },
  s: { short: 's', takes: 'value' },
  t: { short: 't', takes: 'value' },
  T: { short: 'T', takes: 'nothing' },
  J: { short: 'J', takes: 'nothing' },
  x: { short: 'x', takes: 'nothing' },
};

/** `qselect`: ids, and nothing where there are none. */
export function selectJobs(asked: Asked): Answer {
  const { call, ground, flavour } = asked;
  const failure = listFailure('qselect', flavour.codes.noConnection, asked);
  if (failure !== null) return failure;
  const { options, mistake } = parseOptions(call.args, selectTable);
  if (mistake !== null) return refused(`qselect: invalid option -- '${mistake.charAt(1)}'`, 2);
  if (options.has('x') && !flavour.showsOver && !ground.hasAccounting)
    return { stdout: '', stderr: `qselect: ${noHistory}\n`, code: 0 };
  const wantsOver = flavour.showsOver || options.has('x');
  const [name, user] = [options.get('N'), options.get('u')?.replace(/@.*/, '')];
  const jobs = visibleJobs(asked, wantsOver).filter(
    (job) =>
      (name === undefined || shownName(job, flavour) === name) && (user === undefined || user === ground.user.name),
  );
  const elements = options.has('T') || flavour.elementsAreJobs;
  const records = recordsOf(jobs, ground.system.cluster.name, elements).filter(
    (one) =>
      (wantsOver || !isOver(one) || belongsToLiving(one, jobs)) &&
      (!elements || one.kind !== 'array') &&
      (!options.has('J') || one.kind === 'array'),
  );
  return said(
    jobsLeft(records, ground.faults)
      .map(({ id }) => `${id}\n`)
      .join(''),
  );
}
