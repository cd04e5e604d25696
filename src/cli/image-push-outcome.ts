import type { PushReport } from '../commands/image-push.ts';
import { exitCodeOf, ok, type Result } from '../failure.ts';
import { worstExitCode } from '../fleet/site-report.ts';
import type { Outcome } from './outcome.ts';
import { forTerminal } from './report.ts';

/** What `image push` comes to. */
export function pushOutcome(reports: Result<PushReport[]>): Result<Outcome> {
  if (!reports.ok) return reports;
  const texts = reports.value.flatMap((report) => pushWords(report) ?? []);
  return ok({
    json: { sites: reports.value.map(pushJson) },
    text: () => (texts.length === 0 ? null : forTerminal(texts.join('\n'))),
    failures: reports.value.flatMap(({ site, failure }) => (failure === null ? [] : [{ site, failure }])),
    exitCode: worstExitCode(reports.value.flatMap(({ failure }) => (failure === null ? [] : [exitCodeOf(failure)]))),
  });
}

function pushJson({ site, state, image, path, sentBytes, keptBytes, seconds, cleared }: PushReport): object {
  const { calledBy: name = null, sha256 = null, bytes = null } = image ?? {};
  return { site, state, name, sha256, path, bytes, sentBytes, keptBytes, seconds, cleared };
}

function pushWords(report: PushReport): string | null {
  const { site, state, path, image } = report;
  switch (state) {
    case 'sent':
      return `${site}: ${image?.calledBy} is at ${path}${howSent(report)}`;
    case 'there':
      return `${site}: ${image?.calledBy} is there: ${path}`;
    case 'missing':
      return `${site}: would send ${image?.calledBy} (${megabytes(image?.bytes ?? 0)} MB) to ${path}`;
    case 'none':
      return `${site}: its pilots start from ${path} there (image.remotePath), so there is nothing to push`;
    case 'failed':
      return null;
  }
}

function howSent({ sentBytes, keptBytes, seconds, cleared }: PushReport): string {
  const rate = seconds > 0 ? `, ${megabytes(sentBytes / seconds)} MB/s` : '';
  return [
    sentBytes > 0 ? `; ${megabytes(sentBytes)} MB in ${seconds.toFixed(1)} s${rate}` : '',
    keptBytes > 0 ? `; ${megabytes(keptBytes)} MB were there from a push that was cut` : '',
    cleared.length === 0
      ? ''
      : `; ${cleared.length} older ${cleared.length === 1 ? 'image was' : 'images were'} removed`,
  ].join('');
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(bytes < 1e8 ? 1 : 0);
}
