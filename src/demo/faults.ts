/** What can be made to go wrong with the stand-in. Faults are the batch system's, whatever commands it speaks. */

/** Every fault with what it is told. A fault that is absent does not happen. */
export interface FaultSet {
  /** Nothing answers: connections are refused. Taken away, it comes back. */
  down: true;
  /** These commands never answer. */
  hang: FaultyCommand | 'everything';
  /** Said on stdout before the answer of any command. */
  noise: string;
  /** Said on stderr beside the answer of any command, which is as it should be. */
  warning: string;

  /** The submission is refused, in words that mean this. */
  refuse: 'permanent' | 'capacity' | 'transient';
  /** The submission is refused, in these words. */
  refuseSaying: string;
  /** More pilots than this in one submission are refused whole, for want of room. */
  mostAtOnce: number;
  /** The submission is taken, and its answer lost: the client says that it timed out. */
  acceptThenTimeOut: true;
  /** The submission never arrives, and the client says that it timed out. */
  dropThenTimeOut: true;
  /** The jobs of the submission are there only so many seconds later. */
  appearAfterSeconds: number;

  /** The listing fails, and says so by its exit status. */
  listFails: true;
  /** The listing says that it failed, and exits 0. */
  listErrorWithExit0: true;
  /** The listing has the first half of its lines, and exits 0. */
  listHalf: true;
  /** The listing is empty, and exits 0. */
  listNothing: true;
  /** The listing stops in the middle of a line, and exits 0. */
  listCut: true;
  /** Asking for one job fails. */
  askFails: true;
}

export type FaultName = keyof FaultSet;
export type FaultyCommand = 'submit' | 'list' | 'ask' | 'cancel' | 'other';

export class Faults {
  private readonly active = new Map<FaultName, { value: unknown; left: number }>();
  private readonly counts = new Map<FaultName, number>();

  /** From now on these faults happen, the next `times` times each (for ever when absent). Others stay as they are. */
  set(faults: Partial<FaultSet>, times = Number.POSITIVE_INFINITY): void {
    for (const [name, value] of Object.entries(faults)) this.active.set(name as FaultName, { value, left: times });
  }

  /** Nothing goes wrong any more. What was counted stays. */
  clear(): void {
    this.active.clear();
  }

  /** How often a fault really happened; of all faults together without a name. */
  fired(name?: FaultName): number {
    if (name !== undefined) return this.counts.get(name) ?? 0;
    return [...this.counts.values()].reduce((sum, count) => sum + count, 0);
  }

  /**
   * For the adapter: the fault, now that it matters, or null. Taking it counts it, so it is only asked for where it
   * would show; `applies` says whether it would with this value.
   */
  take<Name extends FaultName>(
    name: Name,
    applies: (value: FaultSet[Name]) => boolean = () => true,
  ): FaultSet[Name] | null {
    const fault = this.active.get(name);
    if (fault === undefined || fault.left <= 0) return null;
    // `set` is the only way in, and is typed by the same name.
    const value = fault.value as FaultSet[Name];
    if (!applies(value)) return null;
    fault.left -= 1;
    this.counts.set(name, this.fired(name) + 1);
    return value;
  }
}
