import type { Context } from '../context.ts';
import type { Pilot } from '../login/census.ts';
import { type OrdersFor, order, type Wanted } from './orders.ts';
import type { SiteAccess } from './site-connection.ts';
import type { SiteReport } from './site-report.ts';

/** How long a pilot that was told to end in order may take: its job gives it 20 s, and then kills it. */
const patienceSeconds = 60;

/** Ends pilots at once; running jobs die with them. */
export function cancel(site: SiteAccess, wanted: Wanted, dryRun: boolean, context: Context): Promise<SiteReport> {
  const ordersFor: OrdersFor = (meant, nowSeconds) => {
    const inOrder = wanted.kind === 'pending' ? [] : meant.filter((pilot) => endsInOrder(pilot, nowSeconds));
    const others = meant.filter((pilot) => !inOrder.includes(pilot));
    const [end, hard] = [inOrder, others].map((pilots) => pilots.map(({ id }) => id));
    return { drain: [], end: end ?? [], cancel: hard ?? [], onlyPending: wanted.kind === 'pending', reason: null };
  };
  return order(site, { wanted, dryRun, ordersFor }, context);
}

/**
 * Its job's shell runs, and is told for the first time or was told just now. One that is still there a minute after it was
 * told hangs: the scheduler ends it. So does it what the journal does not know, since nobody could tell whether it was told.
 */
function endsInOrder({ state, member, toldAt }: Pilot, nowSeconds: number): boolean {
  return state === 'running' && member !== null && (toldAt === null || nowSeconds < toldAt + patienceSeconds);
}
