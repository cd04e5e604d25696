/** The shortest wall clock a pilot can use: below it, starting and draining take up the whole job. */
export const shortestWalltimeSeconds = 30 * 60;

/** Seconds of a written wall clock `[D-]HH:MM:SS`; null when it is not one. With days, the hours end at 23. */
export function parseWalltime(text: string): number | null {
  const match = /^(?:(\d{1,3})-)?(\d{2,3}):([0-5]\d):([0-5]\d)$/.exec(text);
  if (!match) return null;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  if (days === undefined || hours === undefined || minutes === undefined || seconds === undefined) return null;
  if (match[1] !== undefined && hours > 23) return null;
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** The most minutes a pilot may spend draining: a quarter of its wall clock, whole minutes. */
export function longestDrainMinutes(walltimeSeconds: number): number {
  return Math.floor(walltimeSeconds / 60 / 4);
}

/** The drain time of a profile that names none: an hour, or what a short wall clock allows. */
export function defaultDrainMinutes(walltimeSeconds: number): number {
  return Math.min(60, longestDrainMinutes(walltimeSeconds));
}
