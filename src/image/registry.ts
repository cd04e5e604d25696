import { createHash } from 'node:crypto';
import { isPlainObject } from '../config/profile-keys.ts';
import { type HttpAnswer, httpGet } from './http-get.ts';
import { type ImageSource, isLoopback } from './image-source.ts';

/** Asks a container registry, by its HTTP API version 2, what a tag stands for: without pulling anything. */

/** What the registry says. */
export type RegistryAnswer =
  /** `compressedBytes`: what a pull fetches; null: it was not asked for, or is not said. */
  | { kind: 'known'; digest: string; compressedBytes: number | null }
  /** It said nothing, or nothing that helps. */
  | { kind: 'silent'; reason: string };

/** Both forms, of Docker and of OCI; the digest of a list is what a tag of several platforms stands for. */
const lists = ['application/vnd.oci.image.index.v1+json', 'application/vnd.docker.distribution.manifest.list.v2+json'];
const manifests = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
const accept = [...lists, ...manifests].join(', ');

/** The digest of a tag, and with `sizes` also how much would be pulled. Never longer than `seconds`; never throws. */
export async function askRegistry(
  source: ImageSource & { kind: 'registry' },
  options: { seconds: number; sizes: boolean; signal: AbortSignal },
): Promise<RegistryAnswer> {
  const limit = AbortSignal.timeout(options.seconds * 1000);
  const desk = new Desk(source, AbortSignal.any([options.signal, limit]));
  try {
    return options.sizes ? await withSizes(desk, source.reference) : await digestAlone(desk, source.reference);
  } catch (error) {
    return silent(limit.aborted ? `no answer within ${options.seconds} s` : reasonOf(error));
  }
}

/** A HEAD is no pull: public registries count those. Not each of them says the digest in its answer. */
async function digestAlone(desk: Desk, reference: string): Promise<RegistryAnswer> {
  const answer = await desk.ask('HEAD', reference);
  const digest = answer.status === 200 ? digestIn(answer) : null;
  if (digest !== null) return { kind: 'known', digest, compressedBytes: null };
  return refusalOf(answer) ?? withoutSizes(await withSizes(desk, reference));
}

function withoutSizes(answer: RegistryAnswer): RegistryAnswer {
  return answer.kind === 'known' ? { ...answer, compressedBytes: null } : answer;
}

async function withSizes(desk: Desk, reference: string): Promise<RegistryAnswer> {
  const answer = await desk.ask('GET', reference);
  const refusal = refusalOf(answer);
  if (refusal !== null) return refusal;
  const digest = digestIn(answer) ?? `sha256:${createHash('sha256').update(answer.body).digest('hex')}`;
  const manifest = parsed(answer.body);
  // A page to log in at, as some networks answer whatever is asked.
  if (!Array.isArray(manifest?.['manifests'] ?? manifest?.['layers'])) return silent('what it answers is no image');
  const own = ownPlatform(manifest);
  const single = own === null ? manifest : parsed((await desk.ask('GET', own)).body);
  return { kind: 'known', digest, compressedBytes: layerBytes(single) };
}

/** Requests about one repository. It gets its pass when it is first asked for one. */
class Desk {
  private readonly base: string;
  private readonly repository: string;
  private readonly signal: AbortSignal;
  private pass: string | null = null;

  constructor({ host, port, repository }: ImageSource & { kind: 'registry' }, signal: AbortSignal) {
    const scheme = isLoopback(host) ? 'http' : 'https';
    this.base = `${scheme}://${host}${port === null ? '' : `:${port}`}`;
    this.repository = repository;
    this.signal = signal;
  }

  async ask(method: 'GET' | 'HEAD', reference: string): Promise<HttpAnswer> {
    const url = new URL(`${this.base}/v2/${this.repository}/manifests/${reference}`);
    const first = await this.once(method, url);
    if (first.status !== 401 || this.pass !== null) return first;
    this.pass = await this.passFor(first.header('www-authenticate') ?? '');
    return this.pass === null ? first : this.once(method, url);
  }

  /** Follows where it is sent on to; the pass is shown to the registry alone. */
  private async once(method: 'GET' | 'HEAD', url: URL): Promise<HttpAnswer> {
    let at = url;
    for (let hops = 0; ; hops += 1) {
      const pass = this.pass !== null && at.origin === url.origin ? { authorization: `Bearer ${this.pass}` } : {};
      const answer = await httpGet({ method, url: at, headers: { accept, ...pass }, signal: this.signal });
      const next = answer.status >= 301 && answer.status <= 308 ? answer.header('location') : null;
      if (next === null || hops === 3) return answer;
      at = safe(new URL(next, at));
    }
  }

  /** The pass that public registries give to anybody, from the place that the refusal names. */
  private async passFor(challenge: string): Promise<string | null> {
    const parts = challengeIn(challenge);
    const realm = parts?.get('realm');
    if (parts === null || realm === undefined || !URL.canParse(realm)) return null;
    const url = safe(new URL(realm));
    const service = parts.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    url.searchParams.set('scope', parts.get('scope') ?? `repository:${this.repository}:pull`);
    const answer = await httpGet({ method: 'GET', url, headers: {}, signal: this.signal });
    const said = answer.status === 200 ? parsed(answer.body) : null;
    const pass = said?.['token'] ?? said?.['access_token'];
    // What has a line end in it is no pass, and could say more than one header.
    return typeof pass === 'string' && /^[\x21-\x7e]+$/.test(pass) ? pass : null;
  }
}

/** Nobody may be sent on to an address without TLS, but on this machine. */
function safe(url: URL): URL {
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))) return url;
  throw new Error(`it sends on to ${url.protocol}//${url.host}, which is not safe`);
}

/** The parts of `Bearer realm="…",service="…"`; null for another kind. */
function challengeIn(header: string): Map<string, string> | null {
  const [, list] = /^Bearer\s+(.*)$/is.exec(header) ?? [];
  if (list === undefined) return null;
  return new Map(
    [...list.matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name = '', value = '']) => [name.toLowerCase(), value]),
  );
}

function refusalOf({ status }: HttpAnswer): RegistryAnswer | null {
  if (status === 200) return null;
  if (status === 401 || status === 403)
    return silent('it wants a login, or has no such image; only public images can be asked about');
  if (status === 404) return silent('it has no such tag');
  if (status === 429) return silent('it was asked too often from this address; try again in some hours');
  return silent(`it answered ${status}`);
}

function silent(reason: string): RegistryAnswer {
  return { kind: 'silent', reason };
}

/** A system's error in its own words; those of several tries (IPv6, IPv4) in the words of the first. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || error.name : String(error);
}

function digestIn(answer: HttpAnswer): string | null {
  const digest = answer.header('docker-content-digest');
  return digest !== null && /^[a-z0-9]+:[0-9a-f]{32,}$/.test(digest) ? digest : null;
}

function parsed(body: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return isPlainObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Of a list, the digest of the image for this kind of machine; null for what is no list, or holds none. */
function ownPlatform(manifest: Record<string, unknown> | null): string | null {
  const all = manifest?.['manifests'];
  if (!Array.isArray(all)) return null;
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const own = all.filter(isPlainObject).find(({ platform }) => {
    return isPlainObject(platform) && platform['os'] === 'linux' && platform['architecture'] === architecture;
  });
  const digest = own?.['digest'];
  return typeof digest === 'string' && /^[a-z0-9]+:[0-9a-f]+$/.test(digest) ? digest : null;
}

function layerBytes(manifest: Record<string, unknown> | null): number | null {
  const layers = manifest?.['layers'];
  if (!Array.isArray(layers)) return null;
  const sizes = layers.map((layer) => (isPlainObject(layer) ? layer['size'] : null));
  return sizes.reduce<number | null>((sum, size) => (sum === null || typeof size !== 'number' ? null : sum + size), 0);
}
