import { type Assignment, assign, valueAt } from '../config/assignment.ts';
import { checkProfile, type Profile } from '../config/schema.ts';
import type { RawProfile } from '../config/store.ts';
import type { Mistake } from '../failure.ts';
import type { FoundScheduler } from '../login/cluster-facts.ts';
import { type InitKey, profilePaths } from './init-questions.ts';
import { misfits } from './queue-knowledge.ts';

/** The profile that `init` is about to write, as far as it was said. Pure. */

/** What was said of each key, as it was typed; '' is none. */
export type Said = { readonly [key in InitKey]?: string | undefined };

/** In the order of docs/design.md, which is the order in the file. */
const order: readonly InitKey[] = [
  ...(['site', 'target', 'host', 'scheduler', 'queue', 'account', 'project', 'walltime', 'cores', 'gpus'] as const),
  ...(['osgSite', 'osgResource', 'owners', 'token', 'module', 'image'] as const),
];

/** The profile that was said so far, with what is set by its own name on top. */
export function draftOf(said: Said, settings: readonly Assignment[]): RawProfile {
  const assignments = order.flatMap((key) => {
    const text = said[key];
    return text === undefined || text === '' ? [] : assignmentsOf(key, text);
  });
  return assign({}, [...assignments, ...settings]).raw;
}

/** Whether a setting by its own name says it already. */
export function isSet(key: InitKey, settings: readonly Assignment[]): boolean {
  return valueAt(assign({}, settings).raw, profilePaths[key]) !== undefined;
}

function assignmentsOf(key: InitKey, text: string): Assignment[] {
  const path = profilePaths[key];
  switch (key) {
    case 'host': {
      const [, user, host = text] = /^([^@]+)@(.+)$/.exec(text) ?? [];
      const named = { path, value: host };
      return user === undefined ? [named] : [named, { path: ['connection', 'user'], value: user }];
    }
    case 'gpus':
      return text === '0' ? [] : [{ path, value: numberIn(text) }];
    case 'cores':
    case 'target':
      return [{ path, value: numberIn(text) }];
    case 'owners':
      return [{ path, value: text.split(/[\s,]+/).filter((owner) => owner !== '') }];
    case 'module':
      return [{ path, value: [text] }];
    default:
      return [{ path, value: text }];
  }
}

/** What is no number is left to the schema's own words. */
function numberIn(text: string): number | string {
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}

/** What stands for the keys that a profile must have, while nobody has said them. */
const unsaid: readonly Assignment[] = [
  { path: ['name'], value: 'new-site' },
  { path: ['connection', 'host'], value: 'login' },
  { path: ['scheduler', 'kind'], value: 'slurm' },
  { path: ['scheduler', 'walltime'], value: '00:30:00' },
  { path: ['pilot', 'site'], value: 'Site' },
  { path: ['pilot', 'resource'], value: 'Resource' },
  { path: ['pilot', 'owners'], value: ['owner'] },
  { path: ['pilot', 'token'], value: '~/token' },
];

/** The draft as a profile, or what is wrong with what was said. */
export function profileOf(draft: RawProfile): { profile: Profile } | { mistakes: readonly Mistake[] } {
  const { raw } = assign(
    draft,
    unsaid.filter(({ path }) => valueAt(draft, path) === undefined),
  );
  const checked = checkProfile(raw, { site: null, file: null });
  if (checked.ok) return { profile: checked.value };
  return { mistakes: checked.failure.kind === 'profile-invalid' ? checked.failure.mistakes : [] };
}

/** What is wrong with one key; where the queues are known, also that they cannot take it. Null: nothing. */
export function mistakeIn(key: InitKey, draft: RawProfile, found: FoundScheduler | null): string | null {
  const checked = profileOf(draft);
  const mistakes = 'mistakes' in checked ? checked.mistakes : clashes(checked.profile, found);
  const name = profilePaths[key].join('.');
  const isOfKey = (mistake: Mistake) => mistake.key === name || mistake.key.startsWith(`${name}.`);
  const isOfUser = (mistake: Mistake) => key === 'host' && mistake.key === 'connection.user';
  return mistakes.find((mistake) => isOfKey(mistake) || isOfUser(mistake))?.message ?? null;
}

function clashes(profile: Profile, found: FoundScheduler | null): readonly Mistake[] {
  if (found === null || found.kind !== profile.scheduler.kind) return [];
  return misfits(profile, found.discovery).wrong;
}
