import type { Output } from './scheduler.ts';

/** The words of a failed command; a wrapper may print them on either stream. */
export function saidBy(output: Output): string {
  const text = [output.stderr, output.stdout]
    .map((stream) => stream.trim())
    .filter((stream) => stream !== '')
    .join('\n');
  if (text !== '') return text;
  return output.code === 124 ? 'no answer within the time limit' : '';
}
