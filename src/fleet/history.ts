import { appendFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { SiteReport } from './site-report.ts';

/**
 * What happened at a site, one JSON object a line, in one append-only file. One write a line: several writers do not
 * mix theirs.
 */
export async function appendHistory(dataDir: string, report: SiteReport, at: Date): Promise<string | null> {
  const { site, state, target, counts, submitted, cancelled, ids, reason, failure } = report;
  const line = JSON.stringify({
    at: at.toISOString(),
    site,
    state,
    target,
    ...counts,
    submitted,
    cancelled,
    ids,
    reason: reason ?? failure?.kind ?? null,
  });
  const directory = join(dataDir, 'history');
  const written = mkdir(directory, { recursive: true, mode: 0o700 }).then(() =>
    appendFile(join(directory, `${site}.jsonl`), `${line}\n`, { mode: 0o600 }),
  );
  // A pass that did its work is not a failure because its diary is full: the caller warns.
  return written.then(
    () => null,
    (error: NodeJS.ErrnoException) => `${directory}: ${error.code ?? error.message}`,
  );
}
