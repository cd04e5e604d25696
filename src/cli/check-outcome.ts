import type { CheckReport, CheckStep } from '../commands/check.ts';
import { exitCodeOf, ok, type Result } from '../failure.ts';
import { wordFailure } from './failure-words.ts';
import type { Outcome } from './outcome.ts';
import { forTerminal, type Printing, paint, type Style } from './report.ts';

/** What `check` comes to: each step with what came of it. */
export function checkOutcome(report: Result<CheckReport>): Result<Outcome> {
  if (!report.ok) return report;
  const { site, steps } = report.value;
  return ok({
    json: { site, steps: steps.map(stepJson) },
    text: (printing) => forTerminal(textOf(report.value, printing)),
    failures: [],
    exitCode: exitCodeFor(steps),
  });
}

/** What is wrong with the profile comes before what may be better later. */
function exitCodeFor(steps: readonly CheckStep[]): number {
  const codes = steps.filter(({ state }) => state === 'failed').map(({ said }) => exitCodeIn(said));
  return [130, 2, 1, 3].find((code) => codes.includes(code)) ?? 0;
}

function exitCodeIn(said: CheckStep['said']): number {
  return 'failure' in said ? exitCodeOf(said.failure) : said.exitCode;
}

function stepJson({ step, state, seconds, said }: CheckStep): object {
  const { message, hint } = wordsOf(said);
  return { step, state, seconds, message, hint };
}

function wordsOf(said: CheckStep['said']): { message: string; hint: string | null } {
  return 'failure' in said ? wordFailure(said.failure) : said;
}

function textOf({ site, steps }: CheckReport, printing: Printing): string {
  const untried = steps.filter(isUntried).map(({ step }) => step);
  const width = Math.max(...steps.map(({ step }) => step.length));
  const lines = steps
    .filter((step) => !isUntried(step) && isWorthALine(step, printing))
    .flatMap((step) => stepLines(step, width, printing));
  return [
    ...lines,
    ...(untried.length === 0 ? [] : [paint('dim', `not tried: ${untried.join(', ')}`, printing)]),
    summary(site, steps, printing),
  ].join('\n');
}

function isUntried({ state, said }: CheckStep): boolean {
  return state === 'skipped' && wordsOf(said).message === 'not tried';
}

function isWorthALine({ state }: CheckStep, { quiet }: Printing): boolean {
  return !quiet || state === 'failed' || state === 'warning';
}

const marks: Readonly<Record<CheckStep['state'], { sign: string; word: string; style: Style }>> = {
  ok: { sign: '✓', word: 'ok', style: 'green' },
  warning: { sign: '!', word: 'warning', style: 'yellow' },
  failed: { sign: '✗', word: 'FAILED', style: 'red' },
  skipped: { sign: '-', word: '-', style: 'dim' },
};

function stepLines({ step, state, seconds, said }: CheckStep, width: number, printing: Printing): string[] {
  const { sign, word, style } = marks[state];
  const { message, hint } = wordsOf(said);
  const mark = paint(style, printing.unicode ? sign : word.padEnd(7), printing);
  const time = (seconds === null ? '' : `${seconds.toFixed(1)} s`).padStart(6);
  const line = `${mark} ${step.padEnd(width)} ${time}  ${message.replaceAll('\n', '\n    ')}`;
  return hint === null ? [line] : [line, `    ${paint('dim', 'next:', printing)} ${hint}`];
}

function summary(site: string, steps: readonly CheckStep[], printing: Printing): string {
  const count = (state: CheckStep['state']) => steps.filter((step) => step.state === state).length;
  const [failures, warnings] = [count('failed'), count('warning')];
  const words = warnings === 0 ? '' : `; ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`;
  if (failures === 0) return `${paint('bold', site, printing)}: all that could be tried fits${words}`;
  const failed = `${failures} ${failures === 1 ? 'step' : 'steps'} failed`;
  return `${paint('bold', site, printing)}: ${paint('red', failed, printing)}${words}`;
}
