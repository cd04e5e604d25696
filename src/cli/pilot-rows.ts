import type { Pilot } from '../login/census.ts';

/** Which pilots share a line of a table, so that thousands stay readable. Pure. */

/** One line: a pilot of its own, or several of one submission that wait for the same reason. */
export interface Row {
  /** The pilot's id, or one text for all of them: `102_[3-19]`. */
  id: string;
  pilots: readonly [Pilot, ...Pilot[]];
}

const order: readonly Pilot['state'][] = ['running', 'ending', 'suspended', 'held', 'unknown', 'pending'];
const waiting: ReadonlySet<Pilot['state']> = new Set(['pending', 'held', 'unknown']);

/** Fewer than these stay lines of their own. */
const fewestTogether = 3;

/** What runs comes first, each on its own; what waits comes together, by submission, state and reason. */
export function rowsOf(pilots: readonly Pilot[]): Row[] {
  const together = new Map<string, [Pilot, ...Pilot[]]>();
  for (const pilot of pilots) {
    const key = waits(pilot) ? JSON.stringify([submissionOf(pilot), pilot.state, pilot.reason]) : pilot.id;
    const others = together.get(key);
    if (others === undefined) together.set(key, [pilot]);
    else others.push(pilot);
  }
  const rows = [...together.values()].flatMap((group): Row[] =>
    group.length < fewestTogether
      ? group.map((pilot) => ({ id: pilot.id, pilots: [pilot] }))
      : [{ id: idOfSeveral(group.map(({ id }) => id)), pilots: group }],
  );
  return rows.sort((one, other) => order.indexOf(one.pilots[0].state) - order.indexOf(other.pilots[0].state));
}

/** As many rows as there is room for: of what runs and of what waits at least half each, where there are so many. */
export function cutRows(rows: readonly Row[], most: number): { shown: readonly Row[]; left: readonly Row[] } {
  const isWaiting = (row: Row) => waits(row.pilots[0]);
  const running = rows.filter((row) => !isWaiting(row));
  const others = rows.filter(isWaiting);
  const half = Math.floor(most / 2);
  const forOthers = Math.min(others.length, Math.max(half, most - running.length));
  const shown = new Set([...running.slice(0, most - forOthers), ...others.slice(0, forOthers)]);
  return { shown: rows.filter((row) => shown.has(row)), left: rows.filter((row) => !shown.has(row)) };
}

function waits({ state }: Pilot): boolean {
  return waiting.has(state);
}

/** The tag, which is one submission's own; else what the ids of an array have in common; else it stands alone. */
function submissionOf({ tag, id }: Pilot): string {
  return tag ?? /^(.*\D)\d+\D*$/.exec(id)?.[1] ?? id;
}

/** `102_[3-19]` or `102[3-19].server`; first and last where the ids do not differ in one number only. */
function idOfSeveral(ids: readonly string[]): string {
  const [first = ''] = ids;
  const head = sharedStart(ids).replace(/\d+$/, '');
  const tail = reversed(sharedStart(ids.map((id) => reversed(id.slice(head.length))))).replace(/^\d+/, '');
  const numbers = ids.map((id) => id.slice(head.length, id.length - tail.length));
  if (!numbers.every((number) => /^\d{1,9}$/.test(number))) return `${first} … ${ids.at(-1)}`;
  const ranges = rangesOf(numbers.map(Number));
  return head.endsWith('[') && tail.startsWith(']') ? `${head}${ranges}${tail}` : `${head}[${ranges}]${tail}`;
}

function sharedStart(texts: readonly string[]): string {
  return texts.reduce((shared, text) => {
    let length = Math.min(shared.length, text.length);
    while (!text.startsWith(shared.slice(0, length))) length -= 1;
    return shared.slice(0, length);
  });
}

function reversed(text: string): string {
  return [...text].reverse().join('');
}

/** `3-7,9`; of many pieces only the first and the last. */
function rangesOf(numbers: readonly number[]): string {
  const pieces: [first: number, last: number][] = [];
  for (const number of [...numbers].sort((one, other) => one - other)) {
    const piece = pieces.at(-1);
    if (piece !== undefined && number <= piece[1] + 1) piece[1] = number;
    else pieces.push([number, number]);
  }
  const words = pieces.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`));
  return words.length <= 4 ? words.join(',') : [...words.slice(0, 3), '…', words.at(-1)].join(',');
}
