import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lineIn, withLine, withoutLine } from '../../src/fleet/crontab-text.ts';

const mark = 'GLIDEIN_CRON=0123abcd';
const line = `*/10 * * * * /usr/bin/env ${mark} /usr/bin/node glidein top-up --all --quiet`;
const other = (minute: string) => `${minute} * * * * /usr/bin/env ${mark} an older one`;

/** Tables as people have them: comments, variables, odd line ends, bytes that are no text, copies of our line in comments. */
const foreign = fc.constantFrom(
  ...[
    '',
    '# m h dom mon dow command',
    'MAILTO=ada@example.org',
    '*/5 * * * * true',
    '\t',
    '0 0 * * * printf "%%\r',
    '\xff\xfe\r',
  ],
  ...[
    `# ${line}`,
    `#${other('7')}`,
    '1 1 1 1 1 env XGLIDEIN_CRON=0123abcd x',
    `1 1 1 1 1 env ${mark}0 x`,
    `${line}x`.replace(mark, 'y'),
  ],
);
const table = fc
  .tuple(fc.array(foreign, { maxLength: 8 }), fc.constantFrom('', '\n'))
  .map(([lines, end]) => (lines.length === 0 ? '' : lines.join('\n') + end));

describe('a crontab', () => {
  it('gets our line, keeps every byte of every other, and gets rid of it again', () => {
    fc.assert(
      fc.property(table, (before) => {
        const after = withLine(before, mark, line);
        expect(lineIn(before, mark)).toBeNull();
        expect(lineIn(after, mark)).toBe(line);
        const whole = before === '' || before.endsWith('\n') ? before : `${before}\n`;
        expect(after).toBe(`${whole}${line}\n`);
        expect(withLine(after, mark, line)).toBe(after);
        expect(withoutLine(after, mark)).toBe(whole);
        expect(withoutLine(before, mark)).toBe(before);
      }),
      { numRuns: 300 },
    );
  });

  it('has our line replaced where it stands, however often it is there, and whatever is around it', () => {
    fc.assert(
      fc.property(table, table, fc.nat(2), (head, tail, more) => {
        const whole = head === '' || head.endsWith('\n') ? head : `${head}\n`;
        const copies = Array.from({ length: more }, (_, at) => `${other(String(at))}\n`).join('');
        const before = `${whole}${other('9')}\n${copies}${tail}`;
        expect(withLine(before, mark, line)).toBe(`${whole}${line}\n${tail}`);
        expect(withoutLine(before, mark)).toBe(`${whole}${tail}`);
      }),
      { numRuns: 300 },
    );
  });

  it('takes a line at its very end, without a line end, for ours too', () => {
    expect(withLine(`a\n${other('1')}`, mark, line)).toBe(`a\n${line}\n`);
    expect(withLine('', mark, '%$&\\')).toBe('%$&\\\n');
    expect(withLine(`${other('1')}\n`, mark, '%$&\\')).toBe('%$&\\\n');
  });
});
