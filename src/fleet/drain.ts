import type { Context } from '../context.ts';
import { hasNotStarted } from '../login/census.ts';
import { type OrdersFor, order, type Wanted } from './orders.ts';
import type { SiteAccess } from './site-connection.ts';
import { nodesOf, type SiteReport } from './site-report.ts';

/** Lets pilots finish their jobs and take no new ones. Those that have not started have no jobs: they are cancelled. */
export function drain(site: SiteAccess, wanted: Wanted, dryRun: boolean, context: Context): Promise<SiteReport> {
  return order(site, { wanted, dryRun, ordersFor: softly }, context);
}

const softly: OrdersFor = (meant) => {
  const there = meant.filter((pilot) => pilot.state !== 'ending');
  const waiting = there.filter(hasNotStarted);
  const known = nodesOf(there.filter((pilot) => pilot.isDraining && !hasNotStarted(pilot)));
  const ids = (pilots: typeof meant) => pilots.map(({ id }) => id);
  return {
    drain: ids(there.filter((pilot) => !pilot.isDraining)),
    end: [],
    cancel: ids(waiting),
    onlyPending: true,
    reason: known === 0 ? null : `${known} of these ${known === 1 ? 'was' : 'were'} asked to drain before`,
  };
};
