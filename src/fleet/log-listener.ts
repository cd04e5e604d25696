import { Buffer } from 'node:buffer';
import type { Profile } from '../config/schema.ts';
import type { Context } from '../context.ts';
import { failed, ok, type Result } from '../failure.ts';
import { type EndMark, jobOfPilot, readEnds, readOutcomes } from '../login/journal.ts';
import { LogLines } from '../login/log-lines.ts';
import { gapLine, type LogOver, type LogReport, type LogSource } from '../login/pilot-log.ts';
import type { Scheduler } from '../schedulers/scheduler.ts';
import { commandLine } from '../shell.ts';
import { schedulerOf } from './site-scheduler.ts';

/** What a login host reports of a log, as lines for a person. */

/** Some new lines of a pilot, in the order in which they came. */
export interface LogPiece {
  site: string;
  id: string;
  /** `pilot`: the copy of its own output that the job keeps. `batch`: what the batch system caught of the job script. */
  source: LogSource;
  /** The file on the login host. */
  path: string;
  /** When that file was last written, in seconds since the epoch; and how long ago that is, by the login host's clock. */
  refreshedAt: number;
  ageSeconds: number;
  /** Whole lines as a rule; the bytes as they stand there. */
  bytes: Buffer;
}

/** One of a pilot's files as it stands on the login host; of a long one the middle is left out. */
export interface LogFile {
  source: LogSource;
  path: string;
  refreshedAt: number;
  bytes: Buffer;
}

export interface LogsReport {
  site: string;
  id: string;
  followed: boolean;
  /** The pilot's own word that it ended; null: there is none, it runs or was killed. */
  end: EndMark | null;
  /** How the reading ended: `limit` is the longest that a follower goes on. */
  over: 'read' | 'ended' | 'limit' | 'interrupted';
  /** Both files, as far as they are there; without their text when they were followed. */
  files: readonly LogFile[];
}

export interface LogsRequest {
  /** A pilot, or a submission, which stands for its newest pilot; null: the newest of all. */
  id: string | null;
  follow: boolean;
}

/** What is known of one file while it is read. */
interface Known {
  refreshedAt: number;
  /** The file's text so far; nothing when it is followed, since that has no end. */
  kept: Buffer[];
}

/** Makes pieces, warnings and a report of what the login host says. */
export class LogListener {
  private readonly lines = new LogLines();
  private readonly known = new Map<LogSource, Known>();
  private ids: readonly string[] = [];
  private others: readonly string[] = [];
  private directory: string;
  private end: EndMark | null = null;
  private newestSubmission: string | null = null;
  /** The login host's clock less ours, in seconds. */
  private clockAhead = 0;
  private readonly scheduler: Scheduler;
  private readonly profile: Profile;
  private readonly request: LogsRequest;
  private readonly logged: (piece: LogPiece) => void;
  private readonly context: Context;

  constructor(profile: Profile, request: LogsRequest, logged: (piece: LogPiece) => void, context: Context) {
    this.profile = profile;
    this.request = request;
    this.logged = logged;
    this.context = context;
    this.scheduler = schedulerOf(profile);
    this.directory = profile.pilot.logDir;
  }

  hear(report: LogReport): void {
    switch (report.kind) {
      case 'ready':
        this.clockAhead = report.now - this.context.now() / 1000;
        break;
      case 'directory':
        this.directory = report.path;
        break;
      case 'outcome':
        this.newestSubmission = acceptedId(report.record, this.scheduler);
        break;
      case 'pilots':
        this.ids = report.ids;
        this.context.emit({ kind: 'site-ends', site: this.profile.name });
        this.sayWhich();
        break;
      case 'others':
        this.others = report.ids;
        break;
      case 'ended':
        this.end = readEnds(report.record)[0] ?? null;
        break;
      case 'unanswered':
        this.warn(`${this.id} does not answer: it may be gone, or be of an older glidein; ${this.statusHint}`);
        break;
      default:
        this.hearOfFile(report);
    }
  }

  /** Passes on what was held back for the end of its line. */
  finish(): void {
    for (const source of ['pilot', 'batch'] as const) this.pass(source, this.lines.rest(source));
  }

  reportOf(over: Result<LogOver>): Result<LogsReport> {
    const { name: site } = this.profile;
    const { id, follow: followed } = this.request;
    const isFollowed = this.ids.length > 0 && followed;
    if (!over.ok && (over.failure.kind !== 'interrupted' || !isFollowed)) return over;
    const why = over.ok ? over.value : 'interrupted';
    if (why === 'unreadable') {
      const what = `the log directory ${this.directory} cannot be read`;
      return failed({ kind: 'login-host-unusable', site, what, said: '' });
    }
    if (why === 'missing')
      return failed({ kind: 'log-missing', site, id, directory: this.directory, ...this.elsewhere() });
    return ok({ site, id: this.id, followed, end: this.end, over: why, files: this.files() });
  }

  private get id(): string {
    return this.ids[0] ?? '';
  }

  private get statusHint(): string {
    return commandLine(['glidein', 'status', this.profile.name]);
  }

  private sayWhich(): void {
    const [id, ...others] = this.ids;
    if (id === undefined) return;
    if (this.request.id !== null && this.request.id !== id) {
      const rest = others.length === 0 ? 'no other of it has one' : `others: ${someOf(others)}`;
      this.warn(`${this.request.id} is a submission; this is the log of ${id}, its newest pilot with one; ${rest}`);
    }
    const waiting = this.newestSubmission;
    if (waiting === null || this.ids.some((one) => this.scheduler.submissionIdOf(jobOfPilot(one)) === waiting)) return;
    this.warn(
      `no pilot of ${waiting}, the newest submission, has a log yet; ${id} is the newest that has; ${this.statusHint}`,
    );
  }

  private hearOfFile(report: LogReport): void {
    switch (report.kind) {
      case 'file': {
        const known = this.known.get(report.source);
        this.known.set(report.source, { kept: known?.kept ?? [], refreshedAt: report.refreshedAt });
        break;
      }
      case 'text':
        this.take(report.source, report.bytes);
        break;
      case 'gap':
        this.pass(report.source, this.lines.rest(report.source));
        this.take(report.source, Buffer.from(gapLine(report.bytes)));
        break;
      case 'anew':
        this.pass(report.source, this.lines.rest(report.source));
        this.known.delete(report.source);
        this.warn(`${this.pathOf(report.source)} was written anew and is shorter now; here it is from its beginning`);
        break;
    }
  }

  private take(source: LogSource, bytes: Buffer): void {
    // The pilot's own file is all there by then, unless both are followed.
    if (source === 'batch' && !this.request.follow) this.pass('pilot', this.lines.rest('pilot'));
    if (!this.request.follow) this.known.get(source)?.kept.push(bytes);
    this.pass(source, this.lines.take(source, bytes));
  }

  private pass(source: LogSource, bytes: Buffer): void {
    const known = this.known.get(source);
    if (bytes.length === 0 || known === undefined) return;
    const { refreshedAt } = known;
    const loginNow = this.context.now() / 1000 + this.clockAhead;
    const ageSeconds = Math.max(0, Math.round(loginNow - refreshedAt));
    const path = this.pathOf(source);
    this.logged({ site: this.profile.name, id: this.id, source, path, refreshedAt, ageSeconds, bytes });
  }

  private files(): LogFile[] {
    return [...this.known].map(([source, { refreshedAt, kept }]) => {
      return { source, path: this.pathOf(source), refreshedAt, bytes: Buffer.concat(kept) };
    });
  }

  private pathOf(source: LogSource): string {
    return `${this.directory}/${this.id}.${source === 'pilot' ? 'log' : 'batch'}`;
  }

  private elsewhere(): { hint?: string } {
    const [other] = this.others;
    if (this.request.id === null || other === undefined) return {};
    return {
      hint: `${commandLine(['glidein', 'logs', this.profile.name, other])}   (there are logs of ${someOf(this.others)})`,
    };
  }

  private warn(text: string): void {
    this.context.emit({ kind: 'warning', site: this.profile.name, text });
  }
}

/** The id under which the scheduler took a submission, from the record of its outcome; null where it did not. */
function acceptedId(record: string, scheduler: Scheduler): string | null {
  const [outcome] = readOutcomes(record);
  if (outcome === undefined) return null;
  const answer = scheduler.parseSubmit(outcome.output);
  return answer.kind === 'accepted' ? answer.id : null;
}

/** The first few of many ids. */
function someOf(ids: readonly string[]): string {
  return ids.length <= 6 ? ids.join(' ') : `${ids.slice(0, 6).join(' ')} and ${ids.length - 6} more`;
}
