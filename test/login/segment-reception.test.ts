import { expect, it } from 'vitest';
import { readKeeping } from '../../src/login/segment-reception.ts';

const space = 'space /dev/sda1 100000 60000 40000 60% /scratch';

it('says what was found, and what it came to', () => {
  const said = ['waiting 1', space, 'held 8192', 'done 0 .', 'done 2 .', 'by segments', 'ready', 'done 1', 'hash ab'];
  expect(readKeeping(said)).toEqual({
    ...{ isThere: false, isReady: true, takesSegments: true, done: [0, 2, 1], length: 0, hash: 'ab' },
    ...{ freeBytes: 40_000 * 1024, heldBytes: 8192 * 1024, digests: new Map(), isStored: false, differs: false },
  });
  expect(readKeeping(['digest 1 ab', 'digest 12 cd']).digests).toEqual(
    new Map([
      [1, 'ab'],
      [12, 'cd'],
    ]),
  );
  expect(readKeeping(['by appended', 'length 8388608', 'ready'])).toMatchObject({
    takesSegments: false,
    length: 8388608,
  });
});

it.each([
  ['without a quota', [], 40_000],
  ['by a soft limit', ['/dev/sda1 50000 60000 0 10 0 0'], 10_000],
  ['by the hard limit, where there are both', ['/dev/sda1 50000 60000 70000 10 0 0'], 20_000],
  ['where it is over', ['/dev/sda1 60000* 60000 60000 6days 10 0 0'], 0],
  ['where it has no limit', ['/dev/sda1 50000 0 0 10 0 0'], 40_000],
  ['on another device', ['/dev/sdb1 50000 60000 60000 10 0 0'], 40_000],
  ['in words', ['Disk quotas for user ada (uid 1000): none'], 40_000],
])('there is what disk and quota leave: %s', (_, lines, kilobytes) => {
  expect(readKeeping([space, ...lines.map((line) => `quota ${line}`), 'ready']).freeBytes).toBe(kilobytes * 1024);
});

it('does not guess where the disk does not say', () => {
  expect(readKeeping(['space ', 'ready']).freeBytes).toBeNull();
});
