import { expect, it } from 'vitest';
import { secondsUntil } from '../../src/config/until.ts';

const at = (iso: string) => Date.parse(iso) / 1000;

it.each([
  ['2027-03-31', '2027-04-01T00:00:00Z'],
  ['2028-02-29', '2028-03-01T00:00:00Z'],
  ['2027-03-31T12:00', '2027-03-31T12:00:00Z'],
  ['2027-03-31 12:00:30', '2027-03-31T12:00:30Z'],
  ['2027-03-31T12:00:00+02:00', '2027-03-31T10:00:00Z'],
])('%s ends at %s, wherever it is read', (text, iso) => {
  const zone = process.env['TZ'];
  try {
    for (const place of ['UTC', 'America/Chicago', 'Australia/Sydney']) {
      process.env['TZ'] = place;
      expect(secondsUntil(text)).toBe(at(iso));
    }
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});

it.each([[null], ['2027-02-29'], ['2027-04-31T00:00'], ['2027-3-1'], ['soon']])('%s is no such time', (text) =>
  expect(secondsUntil(text)).toBeNull(),
);
