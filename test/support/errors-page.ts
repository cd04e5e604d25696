import { failureLines, type Printing } from '../../src/cli/report.ts';
import { exitCodeOf, type Failure } from '../../src/failure.ts';
import { errorsGuide, type Guide } from './errors-guide.ts';

/** docs/errors.md as the code has it now. */
export function errorsPage(): string {
  const kinds = Object.keys(errorsGuide) as Failure['kind'][];
  const rows = kinds.map(
    (kind) => `| [\`${kind}\`](#${kind}) | ${errorsGuide[kind].title} | ${exitCodes(guideOf(kind))} |`,
  );
  return [
    ...introduction,
    '| kind | what happened | exit code |',
    '| --- | --- | --- |',
    ...rows,
    '',
    ...kinds.flatMap((kind) => section(kind, guideOf(kind))),
  ].join('\n');
}

const introduction = [
  '# Errors, and what to do',
  '',
  '<!-- Written by `npm run docs`: messages by the program itself, the rest from test/support/errors-guide.ts. -->',
  '',
  'Every failure that `glidein` expects. It is told in two lines on stderr: what happened, where and why, and behind',
  '`next:` what to type. With `--json` the kind is `error.code`. What is not here, with exit code 70, is a bug.',
  '',
  'Exit code 1: the scheduler refused. 2: you have to change something. 3: try again later, or let cron do it.',
  '130: interrupted.',
  '',
];

/** Every guide, seen as that of any kind. */
function guideOf(kind: Failure['kind']): Guide<Failure['kind']> {
  return errorsGuide[kind];
}

function exitCodes({ looks }: Guide<Failure['kind']>): string {
  return [...new Set(looks.map(({ failure }) => exitCodeOf(failure)))].join(' or ');
}

function section(kind: string, guide: Guide<Failure['kind']>): string[] {
  return [
    `## ${kind}`,
    '',
    `${guide.title}. Exit code ${exitCodes(guide)}.`,
    '',
    ...guide.looks.flatMap(({ when, failure }) => [
      ...(when === null ? [] : [`${when}${severalCodes(guide) ? `, exit code ${exitCodeOf(failure)}` : ''}:`, '']),
      '```text',
      failureLines(failure, 'site' in failure && failure.site !== null ? failure.site : null, onPaper),
      '```',
      '',
    ]),
    ...wrapped(`**Why.** ${guide.why}`),
    '',
    ...wrapped(`**What to do.** ${guide.whatToDo}`),
    '',
  ];
}

const onPaper: Printing = { json: false, quiet: false, verbose: false, color: false, unicode: true, columns: null };

function severalCodes(guide: Guide<Failure['kind']>): boolean {
  return new Set(guide.looks.map(({ failure }) => exitCodeOf(failure))).size > 1;
}

const pageWidth = 120;

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`;
    if (lines.length === 0 || longer.length > pageWidth) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines;
}
