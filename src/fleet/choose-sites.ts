import { listSites } from '../config/store.ts';
import { failed, ok, type Result } from '../failure.ts';

/** Which sites a command is for. */
export interface Chosen {
  sites: readonly string[];
  all: boolean;
}

/** The sites that were named, or all. With neither: the only one there is, or all for a command that only looks. */
export async function chooseSites(
  configDir: string,
  chosen: Chosen,
  looksOnly: boolean,
  command = 'top-up',
): Promise<Result<readonly string[]>> {
  if (chosen.sites.length > 0) return ok([...new Set(chosen.sites)]);
  const known = await listSites(configDir);
  if (!known.ok) return known;
  if (known.value.length === 0) {
    return failed({
      kind: 'usage',
      message: 'no site has a profile yet',
      hint: 'glidein init   (or: glidein site import FILE)',
    });
  }
  if (chosen.all || looksOnly || known.value.length === 1) return known;
  const message = `name the sites, or --all; there are ${known.value.join(', ')}`;
  return failed({ kind: 'usage', message, hint: `glidein ${command} --all` });
}
