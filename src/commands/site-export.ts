import { readProfile } from '../config/store.ts';
import { ok, type Result } from '../failure.ts';

export interface SiteExportOptions {
  configDir: string;
  site: string;
}

/** A profile as its file has it, without defaults; `site import` takes it on another machine. */
export interface SiteExportReport {
  site: string;
  file: string;
  raw: unknown;
}

/** Reads one site's profile. It is not checked: a profile with a mistake can be exported to be corrected. */
export async function siteExport({ configDir, site }: SiteExportOptions): Promise<Result<SiteExportReport>> {
  const written = await readProfile(configDir, site);
  return written.ok ? ok(written.value) : written;
}
