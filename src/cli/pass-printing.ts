import type { Context } from '../context.ts';
import type { Result } from '../failure.ts';
import type { SiteReport } from '../fleet/site-report.ts';
import { sitesOutcome } from './pass-outcome.ts';
import { quietOutcome } from './quiet-outcome.ts';
import { failureJson, failureLines } from './report.ts';
import type { Screen } from './screen.ts';

/** Prints one pass after another, as `top-up` would; with `--json` a line each. */
export function passPrinter(screen: Screen, dataDir: string, context: Context): (made: Result<SiteReport[]>) => void {
  const { results, asides } = screen;
  return (made) => {
    const isQuiet = results.quiet && !results.json;
    const outcome = isQuiet ? quietOutcome(made, dataDir, context) : sitesOutcome(made);
    if (!outcome.ok) {
      if (results.json) screen.write(`${JSON.stringify(failureJson(outcome.failure))}\n`);
      return screen.say(failureLines(outcome.failure, null, asides));
    }
    const { json, text, failures } = outcome.value;
    const shown = results.json ? JSON.stringify(json) : text(results);
    if (shown !== null) screen.write(`${shown}\n`);
    for (const { site, failure } of failures) screen.say(failureLines(failure, site, asides));
  };
}
