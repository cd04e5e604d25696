/** How often a loop runs: `full` in `npm run test:long`, else `usual`. */
export function loops(counts: { usual: number; full: number }): number {
  return process.env['GLIDEIN_TEST_LOOPS'] === 'full' ? counts.full : counts.usual;
}
