/** How LSF writes times and reads limits. */

/** `Nov 20 10:22`, and with the year where `LSB_DISPLAY_YEAR` says so; UTC where `TZ` does, else local time. */
export function moment(ms: number | null, environment: Readonly<Record<string, string>>): string {
  if (ms === null) return '-';
  const shift = /^UTC/.test(environment['TZ'] ?? '') ? 0 : new Date(ms).getTimezoneOffset() * 60_000;
  const [, day, month, year, time] = new Date(ms - shift).toUTCString().replace(',', '').split(' ');
  const text = `${month} ${String(Number(day)).padStart(2)} ${time?.slice(0, 5)}`;
  return /^y$/i.test(environment['LSB_DISPLAY_YEAR'] ?? '') ? `${text} ${year}` : text;
}

/** `-W`: minutes, or `H:M`; a host may follow. Null: none of these. */
export function limitSeconds(text: string): number | null {
  const match = /^(?:(\d+):)?(\d+)(?:\/\S+)?$/.exec(text);
  return match === null ? null : (Number(match[1] ?? 0) * 60 + Number(match[2])) * 60;
}
