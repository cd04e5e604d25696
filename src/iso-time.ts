/** ISO 8601, UTC; null for what is no time: a file, here or on the login host, may hold any number. */
export function isoTime(seconds: number | null): string | null {
  const time = new Date((seconds ?? Number.NaN) * 1000);
  return Number.isNaN(time.getTime()) ? null : time.toISOString();
}
