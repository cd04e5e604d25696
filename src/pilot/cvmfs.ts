import { failed, ok, type Result } from '../failure.ts';

/** How a pilot comes by /cvmfs: what a profile may say of it, and what people are told. The node decides (cvmfs.sh.hbs). */

/** The ways a profile can name: `auto`, what is there, what the job brings itself, and not at all. */
export const cvmfsWays = ['auto', 'bind', 'cvmfsexec', 'singcvmfs', 'mountrepo', 'container', 'none'] as const;

/** What the job needs to bring CVMFS itself. Null and empty: not said. */
export interface CvmfsOptions {
  /** The repositories to mount, by their full names. */
  repos: readonly string[];
  /** A distribution made with `makedist`; only whether there is one matters here. */
  dist: string | null;
  /** As CVMFS_HTTP_PROXY: groups of `|`, separated by `;`. */
  proxy: string | null;
  quotaMB: number | null;
  /** Places on the node: absolute, `$NAME` or `$NAME/…`. */
  cache: string | null;
  logs: string | null;
}

/** What a profile says of CVMFS. */
export interface CvmfsSettings {
  /** The site's name in the profile, for messages. */
  site: string;
  /** One of `cvmfsWays`. */
  cvmfs: string;
  cvmfsOptions: CvmfsOptions | null;
  /** The site's HTTP cache, the proxy where none is named. */
  squid: string | null;
}

/** What the job script carries of it. */
export interface CvmfsValues {
  cvmfs: string;
  /** The job may have to bring CVMFS itself: there are repositories to mount. */
  cvmfsBrought: boolean;
  cvmfsRepos: readonly string[];
  cvmfsProxy: string | null;
  cvmfsQuotaMB: number;
  cvmfsCache: string | null;
  cvmfsLogs: string | null;
}

/** What CVMFS takes for its cache itself when nobody says anything (2.11). */
const usualQuotaMB = 4_000;

const byDistribution = ['cvmfsexec', 'singcvmfs', 'mountrepo'];

/** The values. Fails with `value-refused` at the first mistake, by its key. */
export function cvmfsValues(settings: CvmfsSettings): Result<CvmfsValues> {
  const { site, cvmfs, cvmfsOptions: options, squid } = settings;
  const mistake = wayMistake(cvmfs, options) ?? (options === null ? null : optionMistake(options));
  if (mistake !== null) return failed({ kind: 'value-refused', site, ...mistake });
  const values = {
    cvmfs,
    cvmfsBrought: options !== null,
    cvmfsRepos: [...new Set(options?.repos)],
    cvmfsProxy: options?.proxy ?? proxyOfSquid(squid),
    cvmfsQuotaMB: options?.quotaMB ?? usualQuotaMB,
    cvmfsCache: options?.cache ?? null,
    cvmfsLogs: options?.logs ?? null,
  };
  return ok(values);
}

interface Mistake {
  key: string;
  reason: string;
}

function wayMistake(way: string, options: CvmfsOptions | null): Mistake | null {
  const at = (key: string, reason: string) => ({ key: `pilot.${key}`, reason });
  if (!cvmfsWays.some((known) => known === way)) return at('cvmfs', `it must be one of ${cvmfsWays.join(', ')}`);
  if (way === 'bind' || way === 'none')
    return options === null ? null : at('cvmfsOptions', `it has no effect while pilot.cvmfs is ${way}; remove it`);
  if (options === null && way === 'auto') return null;
  if (options === null || options.repos.length === 0)
    return at('cvmfsOptions.repos', 'it must name the repositories to mount, such as oasis.opensciencegrid.org');
  if (byDistribution.includes(way) && options.dist === null)
    return at('cvmfsOptions.dist', `${way} needs a distribution, made with makedist`);
  return way === 'container' && options.dist !== null
    ? at(
        'cvmfsOptions.dist',
        'it has no effect while pilot.cvmfs is container, which uses what is in the image; remove it',
      )
    : null;
}

function optionMistake(options: CvmfsOptions): Mistake | null {
  const { repos, proxy, cache, logs } = options;
  const found = [
    ...repos.map((repo) => ['repos', repoRefusal(repo)] as const),
    ['proxy', proxy === null ? null : proxyRefusal(proxy)] as const,
    ['cache', cache === null ? null : placeRefusal(cache)] as const,
    ['logs', logs === null ? null : placeRefusal(logs)] as const,
  ].find(([, reason]) => reason !== null);
  return found === undefined ? null : { key: `pilot.cvmfsOptions.${found[0]}`, reason: found[1] ?? '' };
}

function repoRefusal(repo: string): string | null {
  return /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)+$/.test(repo)
    ? null
    : `${repo} is no repository's full name, such as oasis.opensciencegrid.org`;
}

/** Where the first proxy that is none begins, counted from 1. CVMFS reads its file as a shell would. */
function proxyRefusal(proxy: string): string | null {
  let position = 1;
  for (const part of proxy.split(/[|;]/)) {
    if (!/^(?:DIRECT|auto|https?:\/\/(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(?::\d{1,5})?\/?)$/.test(part)) {
      return `at character ${position}, <${part}> is no proxy: each is http://HOST:PORT, DIRECT or auto, with | between those of one group and ; between groups`;
    }
    position += part.length + 1;
  }
  return null;
}

/** The programs of a distribution put their paths into shell text and sed expressions (cvmfsexec 4.51, read). */
function placeRefusal(place: string): string | null {
  return /^(?:\/|\$[A-Za-z_])[A-Za-z0-9_./+-]*$/.test(place)
    ? null
    : `${place}: it may hold only letters, digits and / . _ + - since the programs of CVMFS read anything else as their own`;
}

function proxyOfSquid(squid: string | null): string | null {
  if (squid === null) return null;
  return /^https?:\/\//.test(squid) ? squid : `http://${squid}`;
}

/**
 * What jobs find of images on /cvmfs, for `render`; null where they simply are there. `bound`: the profile binds /cvmfs
 * itself.
 */
export function cvmfsWords(values: CvmfsValues, bound: boolean): string | null {
  const { cvmfs, cvmfsBrought, cvmfsRepos, cvmfsProxy } = values;
  if (bound || cvmfs === 'bind') return null;
  if (cvmfs === 'none') return 'images on /cvmfs cannot be used (pilot.cvmfs is none)';
  if (!cvmfsBrought) return 'images on /cvmfs can be used only where the node has it';
  const proxy = cvmfsProxy === null ? 'the proxies its distribution knows' : cvmfsProxy;
  const what = `${cvmfsRepos.join(', ')} through ${proxy}`;
  return cvmfs === 'auto'
    ? `images on /cvmfs as the node has it; where it has none, the pilot brings ${what}, if the node lets it`
    : `images on /cvmfs: the pilot brings ${what} by ${cvmfs}; on a node where it cannot, it ends`;
}
