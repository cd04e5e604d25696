/** Where a pilot's pool is, by what the image reads of its environment (10-setup-htcondor.sh of its sources). Pure. */

const usualPort = 9618;

/** The central managers that the image knows by the names of pools. */
const pools: Readonly<Record<string, readonly string[]>> = {
  'prod-ospool': ['cm-1.ospool.osg-htc.org', 'cm-2.ospool.osg-htc.org'],
  ospool: ['cm-1.ospool.osg-htc.org', 'cm-2.ospool.osg-htc.org'],
  'itb-ospool': ['cm-1.ospool-itb.osg-htc.org', 'cm-2.ospool-itb.osg-htc.org'],
  'prod-path-facility': ['cm-1.facility.path-cc.io', 'cm-2.facility.path-cc.io'],
};

/** The central managers of which a pilot with this environment must reach one; none where they are not known. */
export function poolHosts(environment: { readonly [name: string]: string }): { host: string; port: number }[] {
  const named = environment['CONDOR_HOST'] ?? '';
  if (named !== '') return named.split(/[\s,]+/).flatMap(addressIn);
  const pool = environment['POOL'] ?? (isTrue(environment['ITB']) ? 'itb-ospool' : 'prod-ospool');
  const known = pools[pool];
  if (known !== undefined) return known.map((host) => ({ host, port: usualPort }));
  return /[.:]/.test(pool) ? addressIn(pool) : [];
}

function isTrue(value: string | undefined): boolean {
  return /^(?:y|yes|t|true|on|1)$/i.test(value ?? '');
}

/** `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`, each perhaps with `?sock=…`. */
function addressIn(text: string): { host: string; port: number }[] {
  const address = hostAndPort(text.replace(/\?.*$/, ''), usualPort);
  return address === null ? [] : [address];
}

/** A host and its port, where the text has none the usual one; null: it is neither. */
export function hostAndPort(text: string, usual: number): { host: string; port: number } | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  return host === undefined ? null : { host, port: Number(match?.[3] ?? usual) };
}

/** The proxy of a profile, `squid.example.org:3128` or with `http://` before it. */
export function proxyAddress(squid: string): { host: string; port: number } | null {
  return hostAndPort(squid.replace(/^[a-z]+:\/\//i, '').replace(/\/.*$/, ''), 3128);
}

/** Where an image of the form docker://REGISTRY/NAME:TAG comes from; null: it names no registry. */
export function registryAddress(image: string): { host: string; port: number } | null {
  const first = /^docker:\/\/([^/\s]+)\//.exec(image)?.[1];
  if (first === undefined) return image.startsWith('docker://') ? dockerHub : null;
  return /[.:]|^localhost$/.test(first) ? hostAndPort(first, 443) : dockerHub;
}

const dockerHub = { host: 'registry-1.docker.io', port: 443 };
