import fc from 'fast-check';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { classAdWords, type Word } from '../support/classad-words.ts';
import { describeOnPool } from '../support/pool.ts';
import { type PoolSites, poolSites } from '../support/pool-sites.ts';

/** What a profile says, and what the pool must then have of it. */
interface Case {
  pilot: object;
  meant: Word[];
}

const text = fc.string({
  unit: fc.constantFrom(...'aZ09 "\'$`é日𝄞{}()%#!;&|*~,=<>[]?:/-'),
  minLength: 1,
  maxLength: 14,
});
/** With a backslash at times: such names and strings can be refused only. */
const name = fc.oneof({ weight: 9, arbitrary: text }, { weight: 1, arbitrary: text.map((one) => `${one}\\a`) });

const joined = (...words: readonly Word[]): Word[] => {
  const whole: Word[] = [];
  for (const word of words) {
    const last = whole.at(-1);
    if (typeof word === 'string' && typeof last === 'string') whole[whole.length - 1] = last + word;
    else whole.push(word);
  }
  return whole;
};
const advertised = (...limit: Word[]) => joined(...limit, '&&(TARGET.ITB_Sites=!=true)');
const ownerIs = (owner: string): Word[] => ['(TARGET.Owner=?=', { text: owner }, ')'];

const owners: fc.Arbitrary<Case> = fc.oneof(
  name.map((owner) => ({ pilot: { owners: [owner] }, meant: advertised(...ownerIs(owner)) })),
  fc.tuple(name, name).map(([one, other]) => ({
    pilot: { owners: [one, `${other}@ap`] },
    meant: advertised(
      ...['(', ...ownerIs(one), '||(', ...ownerIs(other), '&&(TARGET.User=?=', { text: `${other}@ap` }, ')))'],
    ),
  })),
);

/** An expression as a person writes it, and its words. */
interface Expression {
  written: string;
  words: Word[];
}

const comparison: fc.Arbitrary<Expression> = fc.oneof(
  fc
    .tuple(fc.constantFrom('TARGET.Cmd =!= ', 'TARGET.JobLabel =?= ', 'TARGET.AcctGroup == '), name)
    .map(([start, one]) => ({
      written: `${start}"${one.replaceAll('"', '\\"')}"`,
      words: [start.replaceAll(' ', ''), { text: one.replaceAll('\\a', '\u0007') }],
    })),
  fc.tuple(fc.constantFrom('<', '>=', '=?='), fc.nat(99_999)).map(([operator, bound]) => ({
    written: `TARGET.RequestMemory ${operator} ${bound}`,
    words: [`TARGET.RequestMemory${operator}${bound}`],
  })),
);
const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small' },
    comparison,
    tie('expression').map(({ written, words }) => ({ written: `!(${written})`, words: ['!(', ...words, ')'] })),
    fc.tuple(fc.constantFrom('&&', '||'), tie('expression'), tie('expression')).map(([operator, left, right]) => ({
      written: `(${left.written}) ${operator} (${right.written})`,
      words: ['(', ...left.words, `)${operator}(`, ...right.words, ')'],
    })),
  ),
}));
const expressions: fc.Arbitrary<Case> = expression.map(({ written, words }) => ({
  pilot: { owners: ['ada'], startExtra: written },
  meant: advertised('(', ...ownerIs('ada'), '&&((', ...words, ')=?=true))'),
}));

describeOnPool('what the pool has of a limit', (cluster, pool) => {
  let sites: PoolSites;
  beforeEach(async () => {
    sites = await poolSites(cluster, pool());
  });
  afterEach(() => sites.remove());

  it.for([
    ['owner names', owners],
    ['expressions', expressions],
  ] as const)('is exactly what was meant, or it was refused: 25 %s', async ([, arbitrary]) => {
    const seed = Date.now() % 1e9;
    const cases = new Map(fc.sample(arbitrary, { numRuns: 25, seed }).map((one, at) => [`value-${at}`, one]));
    for (const [site, { pilot }] of cases) sites.add(site, { pilot });
    const passes = await sites.topUp([...cases.keys()]);
    const refused = [...passes].filter(([, { state }]) => state === 'invalid').map(([site]) => site);
    const meant = new Map([...cases].filter(([site]) => !refused.includes(site)));
    const why = `seed ${seed}: ${JSON.stringify([...meant].map(([site, { pilot }]) => [site, pilot]))}`;
    for (const site of meant.keys()) expect(passes.get(site), why).toMatchObject({ submitted: 1 });
    for (const site of refused) expect(passes.get(site)).toMatchObject({ code: 2, submitted: 0 });
    const there = await sites
      .inPool([...meant.keys()])
      .catch((error: Error) => expect.fail(`${error.message}; ${why}`));
    for (const [site, one] of meant) {
      expect(classAdWords(there.get(site)?.startExtra ?? ''), `${site}, ${why}`).toEqual(one.meant);
      expect(classAdWords(there.get(site)?.start ?? ''), `${site}, ${why}`).toEqual([
        '(OSG_NODE_VALIDATED=?=true)&&(time()<GLIDEIN_ToRetire)&&(START_EXTRA?:true)',
      ]);
    }
    // Most must have got there: where all is refused, nothing is tried.
    expect(meant.size, why).toBeGreaterThanOrEqual(10);
  });
});
