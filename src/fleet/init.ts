import { access } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Assignment } from '../config/assignment.ts';
import { checkProfile, type Profile } from '../config/schema.ts';
import type { RawProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { type Failure, failed, type Mistake, ok, type Result } from '../failure.ts';
import type { SchedulerKind } from '../schedulers/index.ts';
import { draftOf, isSet, mistakeIn, profileOf, type Said } from './init-draft.ts';
import { type Look, lookFor } from './init-look.ts';
import {
  type InitKey,
  inquiryFor,
  type Known,
  keysBefore,
  keysOfCluster,
  keysOfPerson,
  type Question,
} from './init-questions.ts';
import { initKeyOf, optionsFailure, type WrongOption } from './init-words.ts';
import { misfits } from './queue-knowledge.ts';
import { checkPilot, fitToken } from './site-job.ts';
import { batchJobOf, schedulerOf } from './site-scheduler.ts';

/** The conversation of `init`: what was said on the command line, what the cluster tells, and a person for the rest. */

/** Who is asked. */
export interface Interviewer {
  /** The answer as it was typed, a choice by its value; null: there is to be none any more. */
  ask(question: Question): Promise<string | null>;
  /** Why an answer does not do. */
  refuse(key: InitKey, failure: Failure): void;
}

export interface InitPlan {
  dataDir: string;
  said: Said;
  /** Keys by their own names; they win. */
  settings: readonly Assignment[];
  /** null: without a terminal. */
  interviewer: Interviewer | null;
  /** Where a token would be, for a site of this name. */
  tokenFileFor(site: string): string;
  /** Asked once the site's name is known: a failure ends it before anybody connects. */
  mayBe(site: string): Promise<Result<void>>;
  /** What there is, before anything of it is asked. */
  found(look: Look): void;
}

/** A profile that fits. It is not written anywhere. */
export interface NewSite {
  raw: RawProfile;
  profile: Profile;
  look: Look;
}

/** Finds out what a profile needs, over one connection. Fails with all at once that is missing or wrong. */
export async function newSite(plan: InitPlan, context: Context): Promise<Result<NewSite>> {
  const talk = new Conversation(plan, context);
  // Without a terminal all that is missing is told before anybody connects.
  const isAlone = plan.interviewer === null;
  const before = await talk.hear(isAlone ? [...keysBefore, ...keysOfPerson] : keysBefore, talk.wrongOptions());
  if (!before.ok) return before;
  const may = await plan.mayBe(before.value.name);
  if (!may.ok) return may;
  const look = await lookFor(before.value, talk.namedScheduler(), plan.dataDir, context);
  if (!look.ok) return look;
  const arrived = talk.arrive(look.value);
  if (!arrived.ok) return arrived;
  const after = await talk.hear(isAlone ? keysOfCluster : [...keysOfCluster, ...keysOfPerson]);
  if (!after.ok) return after;
  const whole = await talk.whole();
  return whole.ok ? ok({ ...whole.value, look: look.value }) : whole;
}

/** Keeps what is known. */
class Conversation {
  private readonly plan: InitPlan;
  private readonly context: Context;
  private said: Said;
  private look: Look | null = null;

  constructor(plan: InitPlan, context: Context) {
    this.plan = plan;
    this.context = context;
    this.said = normalized(given(plan.said));
  }

  /** What was given on the command line, for itself: the cluster has not been asked. */
  wrongOptions(): WrongOption[] {
    const checked = profileOf(this.draft());
    return 'profile' in checked ? [] : checked.mistakes.map(({ key, message }) => wrongOption(key, message));
  }

  /** The batch system that was named; null: whichever is there. */
  namedScheduler(): SchedulerKind | null {
    return this.knows('scheduler') ? this.profile().scheduler.kind : null;
  }

  arrive(look: Look): Result<void> {
    this.look = look;
    this.plan.found(look);
    if (look.facts.schedulers.length > 0) return ok(undefined);
    const named = this.namedScheduler();
    const { name: site } = this.profile();
    const what =
      named === null
        ? `no batch system was found at ${look.target}: the commands of none of them are all on PATH there`
        : `the commands of ${named} are not all on PATH at ${look.target}`;
    const hint = `glidein init ${site} --set 'connection.prologue=["module load ${named ?? 'slurm'}"]'   (or whatever puts them on PATH there)`;
    return failed({ kind: 'login-host-unusable', site, what, said: '', hint });
  }

  /**
   * Gets to know these, one after the other; then the profile as it is. Where options are known to be wrong nobody is
   * asked: they are told, with what is missing without a terminal.
   */
  async hear(keys: readonly InitKey[], wrongOptions: readonly WrongOption[] = []): Promise<Result<Profile>> {
    const missing: InitKey[] = [];
    const wrong = [...wrongOptions];
    let unfit: Failure | null = null;
    const isLost = wrong.length > 0 && this.plan.interviewer !== null;
    for (const key of isLost ? [] : keys.filter((one) => !wrong.some((option) => option.key === one))) {
      const heard = await this.hearOne(key);
      if (heard === 'missing') missing.push(key);
      else if (heard?.kind === 'interrupted') return failed(heard);
      else if (heard?.kind === 'value-refused') wrong.push({ key, reason: heard.reason });
      else unfit ??= heard;
    }
    if (missing.length + wrong.length > 0)
      return failed(optionsFailure({ missing, wrong }, this.plan.said, this.plan.settings));
    return unfit === null ? ok(this.profile()) : failed(unfit);
  }

  /** Null: it is known now. Without a terminal: that it is missing, or why what was given does not do. */
  private async hearOne(key: InitKey): Promise<Failure | 'missing' | null> {
    if (isSet(key, this.plan.settings)) return null;
    const inquiry = inquiryFor(key, await this.known());
    const given = this.said[key] ?? (inquiry.kind === 'settled' ? (inquiry.value ?? '') : undefined);
    const refusal = given === undefined ? null : await this.take(key, given);
    if (given !== undefined && refusal === null) return null;
    const { interviewer } = this.plan;
    const question = inquiry.kind === 'open' ? inquiry.question : { key, choices: [], otherwise: null };
    if (interviewer !== null) return this.askFor(question, refusal, interviewer);
    if (refusal !== null) return refusal;
    return question.otherwise === null ? 'missing' : this.take(key, question.otherwise);
  }

  private async askFor(question: Question, refusal: Failure | null, interviewer: Interviewer): Promise<Failure | null> {
    let why = refusal;
    for (;;) {
      if (why !== null) interviewer.refuse(question.key, why);
      const answer = await interviewer.ask(question);
      if (answer === null || this.context.signal.aborted) return { kind: 'interrupted' };
      why = await this.take(question.key, answer);
      if (why === null) return null;
    }
  }

  /** Keeps an answer that does; else why it does not. */
  private async take(key: InitKey, answer: string): Promise<Failure | null> {
    const before = this.said;
    this.said = { ...before, ...normalized({ [key]: answer }) };
    const refusal = await this.refusalOf(key);
    if (refusal !== null) this.said = before;
    return refusal;
  }

  private async refusalOf(key: InitKey): Promise<Failure | null> {
    const checked = profileOf(this.draft());
    const found = this.found('profile' in checked ? checked.profile : null);
    const reason = mistakeIn(key, this.draft(), found);
    const site = 'profile' in checked ? checked.profile.name : '';
    if (reason !== null) return { kind: 'value-refused', site, key, reason };
    if (!('profile' in checked) || this.said[key] === undefined) return null;
    if (key === 'scheduler' && this.look !== null && found === null)
      return { kind: 'value-refused', site, key, reason: `is ${this.said[key]}, whose commands are not on PATH there` };
    if (key === 'owners') return ownersRefusal(checkPilot(checked.profile));
    return key === 'token' ? failureOf(await this.fitToken(checked.profile)) : null;
  }

  private draft(): RawProfile {
    return draftOf(this.said, this.plan.settings);
  }

  /** As far as it was said; where that is wrong, as if nothing had been. */
  private profile(): Profile {
    const [checked, empty] = [profileOf(this.draft()), profileOf({})];
    if ('profile' in checked) return checked.profile;
    if ('profile' in empty) return empty.profile;
    throw new Error('a profile of which nothing was said does not do');
  }

  private knows(key: InitKey): boolean {
    return this.said[key] !== undefined || isSet(key, this.plan.settings);
  }

  private found(profile: Profile | null) {
    if (profile === null || !this.knows('scheduler')) return null;
    return this.look?.facts.schedulers.find(({ kind }) => kind === profile.scheduler.kind) ?? null;
  }

  private async known(): Promise<Known> {
    const profile = this.profile();
    const found = this.found(profile);
    const queues = found?.discovery.kind === 'known' ? found.discovery.queues : [];
    const { queue: named } = profile.scheduler;
    const file = this.plan.tokenFileFor(profile.name);
    return {
      host: this.knows('host') ? profile.connection.host : null,
      cluster: this.look?.facts ?? null,
      found,
      queue: queues.find(({ name, isDefault }) => (named === null ? isDefault : name === named)) ?? null,
      needsCores: found !== null && schedulerOf(profile).needsCores?.(batchJobOf(profile)) === true,
      tokenFile: await access(file).then(
        () => file,
        () => null,
      ),
    };
  }

  /** All of it once more, now that it is whole. */
  async whole(): Promise<Result<Omit<NewSite, 'look'>>> {
    const raw = this.draft();
    const checked = checkProfile(raw, { site: null, file: null });
    if (!checked.ok) return checked;
    const profile = checked.value;
    const found = this.found(profile);
    const unfit = found === null ? [] : misfits(profile, found.discovery).wrong;
    const wrong = [...unfit, ...unfitIn(checkPilot(profile))].map(({ key, message }) => wrongOption(key, message));
    if (wrong.length > 0) return failed(optionsFailure({ missing: [], wrong }, this.plan.said, this.plan.settings));
    const token = await this.fitToken(profile);
    return token.ok ? ok({ raw, profile }) : token;
  }

  private async fitToken(profile: Profile): Promise<Result<void>> {
    const token = await fitToken(profile, { allowExpiring: false }, this.context);
    return token.ok ? ok(undefined) : failed(tokenFailure(token.failure, profile.name));
  }
}

function wrongOption(profileKey: string, message: string): WrongOption {
  const key = initKeyOf(profileKey);
  return key === null ? { key, reason: `${profileKey} ${message}` } : { key, reason: message };
}

/** What a job cannot carry. */
function unfitIn(pilot: Result<void>): Mistake[] {
  if (pilot.ok || pilot.failure.kind !== 'value-refused') return [];
  return [{ key: pilot.failure.key, message: pilot.failure.reason }];
}

function ownersRefusal(pilot: Result<void>): Failure | null {
  const failure = failureOf(pilot);
  return failure?.kind === 'value-refused' && failure.key.startsWith('pilot.owners') ? failure : null;
}

function failureOf(result: Result<unknown>): Failure | null {
  return result.ok ? null : result.failure;
}

/** What was said of what is needed; '' for the rest is to go without. */
function given(said: Said): Said {
  const isNeeded = (key: string) => needed.some((one) => one === key);
  return Object.fromEntries(Object.entries(said).filter(([key, text]) => text !== '' || !isNeeded(key)));
}

const needed: readonly InitKey[] = [...keysBefore, ...keysOfPerson, 'scheduler', 'walltime'];

/** A shorter job is the other way out, and there is none yet. */
function tokenFailure(failure: Failure, site: string): Failure {
  if (failure.kind !== 'token-unusable' || failure.problem !== 'expiring') return failure;
  const message = `the token ${failure.file} does not last: ${failure.detail}`;
  return {
    kind: 'usage',
    message,
    hint: `put a new one there, or: glidein init ${site} --walltime WALLTIME   (shorter)`,
  };
}

/** A path of this machine may be typed as it is seen from here. */
function normalized(said: Said): Said {
  const { token } = said;
  const isRelative = token !== undefined && token !== '' && !/^(?:\/|~\/|~$)/.test(token);
  return isRelative ? { ...said, token: resolve(token) } : said;
}
