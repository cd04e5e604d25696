import { userInfo } from 'node:os';
import type { Failure } from '../failure.ts';
import type { Endpoint } from './transport.ts';

/**
 * Why nothing can be done as this process's user; null: nothing is wrong. A container may run as a user that the system
 * has no entry for: it has no name, no home and no shell, and OpenSSH refuses it, too.
 */
export function withoutAccount({ site, host }: Endpoint): Failure | null {
  try {
    userInfo();
    return null;
  } catch {
    const reason = `user id ${process.getuid?.() ?? '?'} has no account on this machine (no entry in its passwd)`;
    const hint = 'run glidein as a user whose name `id -un` knows';
    return { kind: 'unreachable', site, target: host, stage: 'configuration', reason, hint };
  }
}
