import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A history as weeks of passes would leave it: the same one for the same seed. */
export function writeMadeUpHistory(
  dataDir: string,
  site: string,
  {
    until,
    days,
    target,
    limit,
    seed,
  }: { until: number; days: number; target: number; limit: number | null; seed: number },
): void {
  const random = randomFrom(seed);
  const since = until - days * 24 * 3600 * 1000;
  const lines: object[] = [];
  const line = (at: number, more: object) => lines.push({ at: new Date(at).toISOString(), site, ...more });
  const pilots: { id: string; submittedAt: number; startsAt: number; endsAt: number; started: boolean }[] = [];
  let spent = 0;
  let next = 1000;
  for (let at = since; at < until; at += 600_000) {
    const day = Math.floor((at - since) / 86_400_000);
    const now = Math.floor(at / 1000);
    const isOut = day === 4 && at % 86_400_000 > 40_000_000 && at % 86_400_000 < 62_000_000;
    if (isOut) {
      line(at, {
        kind: 'pass',
        state: 'unreachable',
        target,
        running: 0,
        pending: 0,
        ids: [],
        reason: 'unreachable',
        nodeHours: null,
      });
      continue;
    }
    const wanted = day < 3 ? Math.ceil(target / 2) : target;
    for (const pilot of pilots.filter(({ endsAt }) => endsAt <= now)) {
      pilots.splice(pilots.indexOf(pilot), 1);
      spent += (pilot.endsAt - pilot.startsAt) / 3600;
      const luck = random();
      const end: [string, number | null] =
        luck < 0.55
          ? ['walltime', 0]
          : luck < 0.8
            ? ['exited', 0]
            : luck < 0.88
              ? ['drained', 0]
              : luck < 0.93
                ? ['NODE_FAIL', null]
                : luck < 0.97
                  ? ['no-space', 73]
                  : ['PREEMPTED', null];
      const { id, startsAt: startedAt, endsAt: endedAt } = pilot;
      line(at, {
        kind: 'pilot',
        event: 'ended',
        id,
        nodes: 1,
        node: `node${next % 40}`,
        submittedAt: null,
        startedAt,
        endedAt,
        reason: end[0],
        exitCode: end[1],
      });
    }
    for (const pilot of pilots.filter(({ started, startsAt }) => !started && startsAt <= now)) {
      pilot.started = true;
      const { id, submittedAt, startsAt: startedAt } = pilot;
      line(at, { kind: 'pilot', event: 'started', id, nodes: 1, node: 'node1', submittedAt, startedAt });
    }
    const submitted = Math.min(5, Math.max(0, wanted - pilots.length));
    for (let count = 0; count < submitted; count += 1) {
      const wait = Math.exp(random() * 7 + 3);
      const startsAt = now + Math.floor(wait);
      const life = random() < 0.15 ? random() * 7200 : 12 * 3600 + random() * 12 * 3600;
      next += 1;
      pilots.push({ id: `${next}_0`, submittedAt: now, startsAt, endsAt: startsAt + Math.floor(life), started: false });
      line(at, { kind: 'pilot', event: 'submitted', id: `${next}_0`, nodes: 1, submittedAt: now });
    }
    const running = pilots.filter(({ started }) => started);
    const used = running.reduce((sum, { startsAt }) => sum + (now - startsAt) / 3600, spent);
    const nodeHours = {
      spent: used,
      committed: running.reduce((sum, { endsAt }) => sum + (endsAt - now) / 3600, 0),
      limit,
    };
    const counts = {
      running: running.length,
      pending: pilots.length - running.length,
      held: 0,
      suspended: 0,
      unknown: 0,
      inDoubt: 0,
    };
    line(at, {
      kind: 'pass',
      state: 'ok',
      target: wanted,
      ...counts,
      submitted,
      cancelled: 0,
      drained: 0,
      ids: [],
      reason: null,
      nodeHours,
    });
  }
  mkdirSync(join(dataDir, 'history'), { recursive: true });
  writeFileSync(join(dataDir, 'history', `${site}.jsonl`), lines.map((one) => `${JSON.stringify(one)}\n`).join(''));
}

/** Numbers from 0 to 1 that look random (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
