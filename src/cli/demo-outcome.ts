import type { DemoReport } from '../commands/demo.ts';
import { ok, type Result } from '../failure.ts';
import { done, type Outcome } from './outcome.ts';
import { forTerminal, type Printing, paint } from './report.ts';
import type { Screen } from './screen.ts';

/** What the demo comes to: its story has been told by then. */
export function demoOutcome(report: Result<DemoReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { seconds, steps } = report.value;
  const json = steps.map((step) => ({
    command: ['glidein', ...step.args].join(' '),
    exitCode: step.exitCode,
    seconds: step.seconds,
  }));
  return ok(done({ seconds, steps: json }, null));
}

/** Prints a piece of the story, as it comes; with --json, nothing. */
export function storyTeller({ results, write }: Pick<Screen, 'results' | 'write'>): (text: string) => void {
  return (text) => {
    if (!results.json) write(`${forTerminal(highlighted(text, results))}\n`);
  };
}

/** What is typed stands out from what is printed, and remarks step back. */
function highlighted(text: string, printing: Printing): string {
  return text
    .replaceAll(/^(?:\d\. .*|( *)(?:\S*\$ .*))$/gm, (line) => paint('bold', line, printing))
    .replaceAll(/^ *# .*$/gm, (line) => paint('dim', line, printing));
}
