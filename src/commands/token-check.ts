import { loadProfile } from '../config/store.ts';
import type { Context } from '../context.ts';
import { ok, type Result } from '../failure.ts';
import { fitToken } from '../fleet/site-job.ts';
import { isoTime } from '../iso-time.ts';

export interface TokenCheckOptions {
  configDir: string;
  site: string;
}

/** What a token says of itself. Never its text. */
export interface TokenReport {
  site: string;
  file: string;
  issuer: string | null;
  subject: string | null;
  /** ISO 8601, UTC; null: it does not expire. */
  expiresAt: string | null;
}

/** Checks the token of a site as a submission would, and says what it is good for. */
export async function checkSiteToken(options: TokenCheckOptions, context: Context): Promise<Result<TokenReport>> {
  const profile = await loadProfile(options.configDir, options.site);
  if (!profile.ok) return profile;
  const token = await fitToken(profile.value, { allowExpiring: false }, context);
  if (!token.ok) return token;
  const { issuer, subject, expiresAt: expiresAtSeconds } = token.value.facts;
  const expiresAt = isoTime(expiresAtSeconds);
  return ok({ site: options.site, file: token.value.file, issuer, subject, expiresAt });
}
