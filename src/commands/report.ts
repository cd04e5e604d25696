import { mkdirSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemReason, unusable } from '../config/local-file.ts';
import { replaceFile } from '../config/replaced-file.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { type Chosen, chooseSites } from '../fleet/choose-sites.ts';
import { type SitePast, together } from '../fleet/site-past.ts';
import { lastDays, siteHistory } from './history.ts';

export interface ReportOptions extends Chosen {
  configDir: string;
  dataDir: string;
  days: number;
  /** Where the page is to be written; null: none is. */
  html: string | null;
}

/** What several sites came to, each and together. */
export interface PastReport {
  sites: readonly SitePast[];
  all: SitePast;
  /** The page that was written, or null. */
  file: string | null;
}

/** Makes the page of a report. */
export type PageMaker = (report: PastReport) => Result<string>;

/** Tells what happened at sites in the last days, and writes a page about it where one is wanted. */
export async function reportSites(
  options: ReportOptions,
  page: PageMaker,
  context: Context,
): Promise<Result<PastReport>> {
  const chosen = await chooseSites(options.configDir, options, true);
  if (!chosen.ok) return chosen;
  const sites: SitePast[] = [];
  const instant = { ...context, now: constant(context.now()) };
  for (const site of chosen.value) {
    const past = await siteHistory({ ...options, site }, instant);
    if (!past.ok) return past;
    sites.push(past.value);
  }
  const all = together(sites, lastDays(options.days, instant.now()));
  const report: PastReport = { sites, all, file: options.html === null ? null : resolve(options.html) };
  return report.file === null ? ok(report) : written(report, report.file, page);
}

/** All sites are told of to the same moment. */
function constant(now: number): () => number {
  return () => now;
}

function written(report: PastReport, file: string, page: PageMaker): Result<PastReport> {
  const text = page(report);
  if (!text.ok) return text;
  try {
    mkdirSync(dirname(file), { recursive: true });
    replaceFile(file, text.value);
    return ok(report);
  } catch (error) {
    return unusable(file, systemReason(error));
  }
}
