import { describe, expect, it } from 'vitest';
import { lastWords, plainLine } from '../../src/login/builder-words.ts';
import { preparation, readBuilding } from '../../src/login/building-program.ts';

const sha256 = 'ab'.repeat(32);
const log = (text: string) => Buffer.from(text).toString('base64');

describe('what a build on a login host says', () => {
  it('is read from its lines, and nothing else is', () => {
    const words = [
      'ready',
      'runtime apptainer version 1.4.5',
      'place 2 /dev/sda1 100 50 50 50% /var/tmp',
      'place 3 tmpfs 100 50 7 50% /tmp',
      'place 4 no number at all',
      'choose',
      'line INFO:    Creating SIF file...',
      `built ${sha256}     1234`,
    ];
    expect(readBuilding(words)).toEqual({
      runtime: 'apptainer version 1.4.5',
      hasNoRuntime: false,
      places: [
        { key: '2', device: '/dev/sda1', freeBytes: 50 * 1024 },
        { key: '3', device: 'tmpfs', freeBytes: 7 * 1024 },
      ],
      failed: null,
      built: { sha256, bytes: 1234 },
    });
    expect(readBuilding(['line built x', 'built abc 1']).built).toBeNull();
    expect(readBuilding([`failed 255 ${log('FATAL: no')}`]).failed).toEqual({ code: 255, log: 'FATAL: no' });
    expect(readBuilding(['failed 137 ']).failed).toEqual({ code: 137, log: '' });
  });

  it('is quoted by its worst, without passwords', () => {
    expect(lastWords(['WARNING: x', 'FATAL:   http://ada:secret@proxy refused', 'cleaning up'])).toBe(
      'FATAL: http://***@proxy refused',
    );
    expect(lastWords(['one', 'two', ''])).toBe('two');
    expect(lastWords([])).toBe('');
    expect(plainLine('INFO:    Extracting https://u:p@x')).toBe('Extracting https://***@x');
  });

  it('comes after the account’s own lines, and the modules of the site', () => {
    expect(preparation(['export A=1'], [])).toBe('export A=1');
    const lines = preparation(['export A=1'], ['apptainer/1.4', "odd'one"]).split('\n');
    expect(lines[0]).toBe('export A=1');
    expect(lines.slice(-2)).toEqual(['module load apptainer/1.4', `module load 'odd'\\''one'`]);
  });
});
