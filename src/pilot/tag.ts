import { createHash } from 'node:crypto';

/**
 * The names a pilot goes by in the batch system: one job name a site, legible in a full queue, and one tag a submission,
 * by which a submission whose answer was lost is found again.
 */

/** PBS and old tools cut names at 15 characters. */
const longestJobName = 15;

/** The job name of a site's pilots: ≤ 15 characters, begins with a letter, the same for ever. */
export function jobNameOf(site: string): string {
  return shortName('g', site);
}

/** The name of a job that only tries out a node. No site's pilots have it: nobody may count such a job as one of them. */
export function trialNameOf(site: string): string {
  return shortName('gc', site);
}

/** The name of a job that builds the image; no pilot's, either. */
export function buildNameOf(site: string): string {
  return shortName('gb', site);
}

function shortName(first: 'g' | 'gc' | 'gb', site: string): string {
  const plain = `${first}-${site}`;
  if (plain.length <= longestJobName) return plain;
  const digest = createHash('sha256').update(site).digest('hex').slice(0, 4);
  return `${plain.slice(0, longestJobName - 5)}-${digest}`;
}

/** A new tag: the site's name, a dash and ten characters of `random` (at least ten bytes of it). */
export function newTag(site: string, random: Uint8Array): string {
  const letters = [...random.slice(0, 10)].map((byte) => '0123456789abcdefghijklmnopqrstuvwxyz'[byte % 36]);
  return `${site}-${letters.join('')}`;
}

/** The site part of a tag: what stands before its last dash. */
export function siteOfTag(tag: string): string {
  return tag.slice(0, tag.lastIndexOf('-'));
}
