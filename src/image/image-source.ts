/** What an image is built from, as its URI says it. Pure. */
export type ImageSource =
  /** A tag, or a digest, in a registry. `reference` is what the registry is asked for. */
  | { kind: 'registry'; host: string; port: number | null; repository: string; reference: string; tag: string | null }
  /** A directory of this machine in the OCI layout. */
  | { kind: 'layout'; path: string };

/** The registry that is meant where a URI names none, and the host that answers for it. */
const dockerHub = { named: 'docker.io', answers: 'registry-1.docker.io' };

/** Reads `docker://[REGISTRY/]NAME[:TAG][@DIGEST]` or `oci:/PATH[:TAG]`; null for what is neither. */
export function parseSource(uri: string): ImageSource | null {
  if (!/^[\x21-\x7e]+$/.test(uri)) return null;
  const layout = /^oci:(\/[^:]*)(?::[^:/]+)?$/.exec(uri)?.[1];
  if (layout !== undefined) return { kind: 'layout', path: layout };
  const named = /^docker:\/\/([^@]+)(?:@(sha256:[0-9a-f]{64}))?$/.exec(uri);
  if (named === null) return null;
  const [, name = '', digest = null] = named;
  const { host, port, rest } = registryIn(name);
  const [, path = '', tag = null] =
    /^([a-z0-9][a-z0-9._/-]*?)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?$/.exec(rest) ?? [];
  if (path.split('/').some((part) => /^\.*$/.test(part))) return null;
  const repository = host === dockerHub.answers && !path.includes('/') ? `library/${path}` : path;
  return {
    kind: 'registry',
    host,
    port,
    repository,
    reference: digest ?? tag ?? 'latest',
    tag: tag ?? (digest === null ? 'latest' : null),
  };
}

/** The first part of a name is a registry where it has a dot or a port, or is `localhost`: so all of Docker's kind read it. */
function registryIn(name: string): { host: string; port: number | null; rest: string } {
  const [, host = '', port = null, rest = ''] =
    /^([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::(\d{1,5}))?\/(.+)$/.exec(name) ?? [];
  const isRegistry = port !== null || /[.[]/.test(host) || host === 'localhost';
  if (!isRegistry) return { host: dockerHub.answers, port: null, rest: name };
  return { host: host === dockerHub.named ? dockerHub.answers : host, port: port === null ? null : Number(port), rest };
}

/** Whether a host is this machine, by its name: only such a registry may be spoken to without TLS. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** What an image is called when nobody says: its tag; else the last part of its name or path. */
export function nameOf(source: ImageSource): string {
  if (source.kind === 'registry' && source.tag !== null && source.tag !== 'latest') return source.tag;
  const path = source.kind === 'registry' ? source.repository : source.path;
  const last =
    path
      .split('/')
      .filter((part) => part !== '')
      .at(-1) ?? '';
  return last
    .replace(/[^A-Za-z0-9_.-]/g, '-')
    .replace(/^[^A-Za-z0-9_]+/, '')
    .slice(0, 128);
}

/**
 * The URI that a runtime is given: with a digest, what the tag stood for when the registry was asked, and not what it may
 * stand for by now.
 */
export function pinnedUri(uri: string, digest: string | null): string {
  if (digest === null || !uri.startsWith('docker://') || uri.includes('@')) return uri;
  return `${uri.replace(/:[A-Za-z0-9_.-]+$/, '')}@${digest}`;
}
