import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { systemReason } from '../config/local-file.ts';
import type { SiteReport } from './site-report.ts';

/**
 * What happened at a site, one JSON object a line, in one append-only file. One write a line: several writers do not
 * mix theirs.
 */
export function appendHistory(dataDir: string, report: SiteReport, at: Date): string | null {
  const { site, state, target, counts, submitted, cancelled, drained, ids, reason, failure } = report;
  const line = JSON.stringify({
    at: at.toISOString(),
    site,
    state,
    target,
    ...counts,
    submitted,
    cancelled,
    drained,
    ids,
    reason: reason ?? failure?.kind ?? null,
  });
  const directory = join(dataDir, 'history');
  try {
    // At once: handing a line to the thread pool takes longer than writing it.
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    appendFileSync(join(directory, `${site}.jsonl`), `${line}\n`, { mode: 0o600 });
    return null;
  } catch (error) {
    // A pass that did its work is not a failure because its diary is full: the caller warns.
    return `${directory}: ${systemReason(error)}`;
  }
}
