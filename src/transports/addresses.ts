import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Context } from '../context.ts';
import { startLimit } from './connect-limit.ts';
import { readSshSettings } from './ssh-config.ts';
import type { Endpoint } from './transport.ts';

/** The addresses that the name of a login host stands for. None where the name is not resolved here, or not now. */
export async function addressesOf(endpoint: Endpoint, context: Context): Promise<string[]> {
  const limit = startLimit(endpoint, () => endpoint.host, context);
  const read = await readSshSettings(endpoint, limit).finally(() => limit.end());
  if (!read.ok) return [];
  const { hostname, addressFamily, proxy, jumps } = read.value.settings;
  // The last host on the way there resolves it.
  if (proxy !== null || jumps.length > 0) return [];
  if (isIP(hostname) !== 0) return [hostname];
  const found = await lookup(hostname, { all: true, family: addressFamily }).catch(() => []);
  return [...new Set(found.map(({ address }) => address))];
}
