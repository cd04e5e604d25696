/** `limits.until`: when an allocation ends. */

const day = /^\d{4}-\d{2}-\d{2}$/;
const moment = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2})?(Z|[+-]\d{2}:\d{2})?$/;

/**
 * Seconds since the epoch; null for what is no such time, or none at all. Several machines in several time zones top up
 * one site, so that what names no offset is UTC. A day alone belongs to the allocation.
 */
export function secondsUntil(text: string | null): number | null {
  if (text === null) return null;
  if (day.test(text)) return secondsOf(`${text}T00:00:00Z`, text, 24 * 3600);
  const match = moment.exec(text);
  if (match === null) return null;
  return secondsOf(`${text.replace(' ', 'T')}${match[1] === undefined ? 'Z' : ''}`, text, 0);
}

function secondsOf(iso: string, text: string, more: number): number | null {
  const milliseconds = Date.parse(iso);
  return Number.isNaN(milliseconds) || !isDay(text.slice(0, 10)) ? null : Math.floor(milliseconds / 1000) + more;
}

/** JavaScript takes 31 February for 3 March. */
function isDay(text: string): boolean {
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}
