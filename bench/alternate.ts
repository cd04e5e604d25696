/** Two ways to do something, taken in turn, so that what else the machine does hits both alike. */

/** Does the thing once; answers the milliseconds it took. */
export type Side = () => Promise<number>;

/** What alternating measurements of two sides gave. */
export interface Alternated {
  /** Milliseconds of each counted run. */
  ours: number[];
  peers: number[];
}

/** Measures `ours` and `peer` in turn, `rounds` times each, who is first changing from round to round. The first `warmUps` rounds do not count. */
export async function alternate(
  sides: { ours: Side; peer: Side },
  options: { rounds: number; warmUps: number },
): Promise<Alternated> {
  const result: Alternated = { ours: [], peers: [] };
  for (let round = -options.warmUps; round < options.rounds; round += 1) {
    const oursFirst = round % 2 === 0;
    const early = oursFirst ? await sides.ours() : await sides.peer();
    const late = oursFirst ? await sides.peer() : await sides.ours();
    if (round < 0) continue;
    result.ours.push(oursFirst ? early : late);
    result.peers.push(oursFirst ? late : early);
  }
  return result;
}

/** How much longer ours took than the peer. */
export interface Ratio {
  ofMedians: number;
  /** The median, smallest and largest of the rounds' own ratios. */
  medianOfRounds: number;
  smallest: number;
  largest: number;
  rounds: number;
}

/** The ratios ours / peer of alternating measurements. */
export function ratioOf({ ours, peers }: Alternated): Ratio {
  const ratios = ours.map((value, round) => value / (peers[round] ?? Number.NaN));
  return {
    ofMedians: median(ours) / median(peers),
    medianOfRounds: median(ratios),
    smallest: Math.min(...ratios),
    largest: Math.max(...ratios),
    rounds: ratios.length,
  };
}

/** The middle value, or the mean of the two in the middle. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return low === undefined || high === undefined ? Number.NaN : (low + high) / 2;
}
