import { editDistance } from '../edit-distance.ts';

/**
 * The key among `known` (dotted) that `wanted` most likely meant, and how far off it is; null when nothing is known.
 * Last segments are compared without regard to case, and a key of another section counts as one step further away:
 * `owners` means `pilot.owners`, and `pilot.queue` means `scheduler.queue`.
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
  const inside = editDistance(wantedLeaf.slice(0, 64).toLowerCase(), leaf.toLowerCase());
  return inside + (wantedSection === section ? 0 : 1);
}

function splitLast(dotted: string): [string, string] {
  const dot = dotted.lastIndexOf('.');
  return [dotted.slice(0, Math.max(dot, 0)), dotted.slice(dot + 1)];
}
