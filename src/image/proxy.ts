import { isLoopback } from './image-source.ts';

/** The proxy by which a URL is reached, as the environment says it and as the container runtimes read it. Pure. */

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The URL of the proxy: from HTTPS_PROXY or HTTP_PROXY, by the kind of URL, in capitals or small letters. Null where none is
 * named, NO_PROXY names the host, or the host is this machine.
 */
export function proxyFor(url: URL, env: Environment): URL | null {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = variable(env, name);
  if (value === '' || isLoopback(url.hostname) || isExempt(url, variable(env, 'NO_PROXY'))) return null;
  const text = /^[a-z0-9+.-]+:\/\//i.test(value) ? value : `http://${value}`;
  return URL.canParse(text) ? new URL(text) : null;
}

function variable(env: Environment, name: string): string {
  return env[name] || env[name.toLowerCase()] || '';
}

/** NO_PROXY: names separated by commas, each for itself and all below it, perhaps with a port; `*` is all. */
function isExempt(url: URL, list: string): boolean {
  const host = withoutBrackets(url.hostname);
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '*') return true;
      // An address of version 6 has a port only behind brackets.
      const [, name = '', onlyPort = port] = /^(\[.*\]|[^:]*)(?::(\d+))?$/.exec(entry) ?? ['', entry];
      const plain = withoutBrackets(name).replace(/^\*?\./, '');
      return plain !== '' && onlyPort === port && (host === plain || host.endsWith(`.${plain}`));
    });
}

function withoutBrackets(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, '');
}
