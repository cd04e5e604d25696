/** How Slurm writes and reads times. */

/** `SLURM_TIME_FORMAT=%s` gives seconds since the epoch; else local time, without a zone. */
export function moment(ms: number | null, environment: Readonly<Record<string, string>>): string {
  if (ms === null) return 'N/A';
  if (environment['SLURM_TIME_FORMAT'] === '%s') return String(Math.floor(ms / 1000));
  const local = new Date(ms - new Date(ms).getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}

/** `1-02:03:04`, `2:03:04`, `3:04`. */
export function duration(seconds: number | null): string {
  if (seconds === null) return 'UNLIMITED';
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3600)];
  const rest = `${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
  if (days > 0) return `${days}-${two(hours)}:${rest}`;
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0/, '');
}

/** A `--time`: minutes, `M:S`, `H:M:S`, `D-H`, `D-H:M`, `D-H:M:S`; null: no limit. Undefined: none of these. */
export function timeLimit(text: string): number | null | undefined {
  if (/^(?:UNLIMITED|infinite|-1)$/i.test(text)) return null;
  const withDays = /^(\d+)-(\d+)(?::(\d+))?(?::(\d+))?$/.exec(text);
  if (withDays !== null) {
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = withDays.slice(1).map((part) => Number(part ?? 0));
    return wholeMinutes(days * 86_400 + hours * 3600 + minutes * 60 + seconds);
  }
  if (!/^\d+(?::\d+){0,2}$/.test(text)) return undefined;
  const parts = text.split(':').map(Number);
  const [hours = 0, minutes = 0, seconds = 0] =
    parts.length === 3 ? parts : parts.length === 2 ? [0, ...parts] : [0, ...parts, 0];
  return wholeMinutes(hours * 3600 + minutes * 60 + seconds);
}

function wholeMinutes(seconds: number): number {
  return Math.ceil(seconds / 60) * 60;
}
