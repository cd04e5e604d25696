import type { RenderReport } from '../commands/render.ts';
import type { TokenReport } from '../commands/token-check.ts';
import { ok, type Result } from '../failure.ts';
import { done, type Outcome } from './outcome.ts';

/** What `render` and `token check` come to. */

export function renderOutcome(report: Result<RenderReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, command, script, owners, containers } = report.value;
  const aside = `# ${owners}\n# jobs' own containers: ${containers}\n# submitted on the login host by: ${command}`;
  return ok(done({ site, command, script }, script.replace(/\n$/, ''), aside));
}

export function tokenOutcome(report: Result<TokenReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, file, issuer, subject, expiresAt } = report.value;
  const until = expiresAt === null ? 'does not expire' : `good until ${expiresAt}`;
  return ok(
    done(
      report.value,
      `${site}: ${file}: issued by ${issuer ?? 'nobody named'} for ${subject ?? 'nobody named'}, ${until}`,
    ),
  );
}
