import { failed, ok, type Result } from '../failure.ts';

/** One extra bind. `source` is absolute, `$NAME` or `$NAME/…`; `target` is empty (the same place) or `:TARGET[:ro|:rw]`. */
export interface Bind {
  source: string;
  target: string;
}

const place = /^(?:\/|\$[A-Za-z_][A-Za-z0-9_]*(?:\/|$))/;

/** Files of the image that say whose jobs run, or how it starts. */
const protectedPlaces = [
  ...['/.singularity.d', '/pilot', '/glidein', '/gwms', '/usr', '/bin', '/sbin', '/lib', '/lib64', '/proc', '/sys'],
  ...['/etc', '/var/lib/condor'],
];

/** What is harmless below /etc, and often wanted from the host. */
const openPlaces = [
  ...['/etc/OpenCL', '/etc/grid-security', '/etc/hosts', '/etc/krb5.conf', '/etc/localtime', '/etc/nsswitch.conf'],
  ...['/etc/pki', '/etc/resolv.conf', '/etc/ssl'],
];

/** Private to each pilot; one shared with the host mixes two pilots up. What lies below may be bound. */
const privatePlaces = ['/tmp', '/var/tmp', '/dev'];

/** `SRC[:DST[:ro|:rw]]`, read. Fails with `value-refused`, key `pilot.binds`, on what the runtime would read otherwise. */
export function parseBinds(site: string, binds: readonly string[]): Result<readonly Bind[]> {
  const parsed: Bind[] = [];
  for (const bind of binds) {
    const [source = '', target, mode, ...more] = bind.split(':');
    const reason = more.length > 0 ? 'it has too many colons' : bindRefusal(bind, source, target, mode);
    if (reason !== null)
      return failed({ kind: 'value-refused', site, key: 'pilot.binds', reason: `${bind}: ${reason}` });
    parsed.push({ source, target: bind.slice(source.length) });
  }
  return ok(parsed);
}

function bindRefusal(
  bind: string,
  source: string,
  target: string | undefined,
  mode: string | undefined,
): string | null {
  if (/\p{Cc}|\p{Surrogate}|[,"\\]/u.test(bind)) {
    return 'the runtime would read a comma, a double quote, a backslash or a control character in it as its own';
  }
  if (!place.test(source)) return 'the source must be an absolute path, $NAME or $NAME/…';
  if (mode !== undefined && mode !== 'ro' && mode !== 'rw') return 'the only options are ro and rw';
  if (target !== undefined && !target.startsWith('/')) return 'the target must be an absolute path';
  const inside = target ?? (source.startsWith('/') ? source : null);
  return inside === null ? null : placeRefusal(inside);
}

function placeRefusal(path: string): string | null {
  if (path.split('/').some((part) => part === '.' || part === '..')) return 'the target must not hold . or ..';
  const plain = `/${path
    .split('/')
    .filter((part) => part !== '')
    .join('/')}`;
  const within = (one: string, other: string) => one === other || one.startsWith(other === '/' ? '/' : `${other}/`);
  if (openPlaces.some((open) => within(plain, open))) return null;
  const hides = protectedPlaces.find((spot) => within(plain, spot) || within(spot, plain));
  if (hides !== undefined) return `it would hide ${hides} of the image, on which the limit to your jobs rests`;
  return privatePlaces.includes(plain) ? `${plain} must stay the pilot's own` : null;
}
