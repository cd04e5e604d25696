/** How PBS writes and reads times. */

/** `Fri Nov 20 09:57:28 2026`, local time, or UTC where `TZ` says so. */
export function calendarTime(ms: number, { TZ: zone }: Readonly<Record<string, string>>): string {
  const shift = /^UTC/.test(zone ?? '') ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  const [weekday, day, month, year, time] = new Date(ms - shift).toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`;
}

/** `12:00:00`, `100:00:00`. */
export function clock(seconds: number): string {
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
}

/** Seconds, `M:S`, `H:M:S`; null: none of these. */
export function secondsOf(text: string): number | null {
  if (!/^\d+(?::\d+){0,2}$/.test(text)) return null;
  return text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}
