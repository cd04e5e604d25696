import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inOrder, type Place, placeFor } from '../../src/image/build-place.ts';

const place = (directory: string, disk: number, gigabytes: number, isMemory = false): Place => ({
  directory,
  disk,
  freeBytes: gigabytes * 1e9,
  isMemory,
});
const what = 'building x';

describe('where a build unpacks', () => {
  const store = place('/home/ada/images', 1, 100);
  const varTmp = place('/var/tmp', 2, 100);
  const memory = place('/tmp', 3, 100, true);

  it('is not the disk of the home directory where there is another', () => {
    expect(inOrder([], store, [varTmp, memory], 1)).toEqual([varTmp, store]);
    expect(inOrder([], store, [place('/var/tmp', 1, 100), memory], 1)[0]).toBe(store);
    expect(inOrder([], store, [varTmp, memory], 7)).toEqual([store, varTmp]);
  });

  it('is first what the person named, memory too', () => {
    expect(inOrder([memory], store, [varTmp, memory], 1)).toEqual([memory, varTmp, store]);
  });

  it('has the room, with that of the image where they share a disk', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), fc.nat(20), fc.integer({ min: 1, max: 3_000 }), (a, b, c, megabytes) => {
        const pulledBytes = megabytes * 1e6;
        const home = place('/store', 1, a);
        const places = [place('/same', 1, b), place('/other', 2, c)];
        const found = placeFor({ what, pulledBytes, store: home, places });
        const holds = (one: Place) => one.freeBytes >= pulledBytes * (one.disk === 1 ? 5.25 : 4);
        const fits = places.filter(holds);
        if (found.ok) {
          expect(found.value).toBe(fits[0]);
          expect(home.freeBytes).toBeGreaterThanOrEqual(pulledBytes * 1.25);
        } else {
          expect(fits.length === 0 || home.freeBytes < pulledBytes * 1.25).toBe(true);
          expect(found.failure).toMatchObject({ kind: 'no-space-here', what });
        }
      }),
      { numRuns: 500 },
    );
  });

  it('is never refused on a guess', () => {
    const small = [place('/a', 1, 0.1), place('/b', 2, 0.2)];
    expect(placeFor({ what, pulledBytes: null, store: place('/a', 1, 0.1), places: small })).toEqual({
      ok: true,
      value: small[1],
    });
  });

  it('is named with what it lacks', () => {
    const small = [place('/a', 1, 1), place('/b', 2, 2)];
    expect(placeFor({ what, pulledBytes: 1e9, store: place('/s', 3, 50), places: small })).toEqual({
      ok: false,
      failure: { kind: 'no-space-here', what, directory: '/b', neededBytes: 4e9, freeBytes: 2e9 },
    });
    expect(placeFor({ what, pulledBytes: 1e9, store: place('/s', 3, 1), places: [place('/b', 2, 50)] })).toEqual({
      ok: false,
      failure: { kind: 'no-space-here', what, directory: '/s', neededBytes: 1.25e9, freeBytes: 1e9 },
    });
  });
});
