import { editDistance } from '../edit-distance.ts';

/**
 * The key among `known` (dotted) that `wanted` most likely meant, and how far off it is; null when nothing is known.
 * Last segments are compared without regard to case. A key of another section counts as one step further away, one of a
 * section around or inside it as half a step, and so does a unit that is left out: `owners` means `pilot.owners`,
 * `pilot.queue` means `scheduler.queue`, and `quota` means `quotaMB`.
 */
export function nearestKey(wanted: string, known: readonly string[]): { key: string; distance: number } | null {
  let best: { key: string; distance: number } | null = null;
  for (const key of known) {
    const distance = distanceBetween(wanted, key);
    if (best === null || distance < best.distance) best = { key, distance };
  }
  return best;
}

function distanceBetween(wanted: string, key: string): number {
  const [wantedSection, wantedLeaf] = splitLast(wanted);
  const [section, leaf] = splitLast(key);
  // A name much longer than any key is no misspelling of one; cutting it keeps a hostile file cheap.
  const written = wantedLeaf.slice(0, 64).toLowerCase();
  const whole = editDistance(written, leaf.toLowerCase());
  const bare = leaf.replace(/(?:MB|Minutes|Hours)$/, '');
  const inside = bare === leaf ? whole : Math.min(whole, editDistance(written, bare.toLowerCase()) + 0.5);
  return inside + sectionsApart(wantedSection, section);
}

function sectionsApart(one: string, other: string): number {
  if (one === other) return 0;
  return one !== '' && other !== '' && (one.startsWith(`${other}.`) || other.startsWith(`${one}.`)) ? 0.5 : 1;
}

function splitLast(dotted: string): [string, string] {
  const dot = dotted.lastIndexOf('.');
  return [dotted.slice(0, Math.max(dot, 0)), dotted.slice(dot + 1)];
}
