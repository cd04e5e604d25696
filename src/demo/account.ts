import { chownSync, readFileSync } from 'node:fs';
import { userInfo } from 'node:os';

/** Whom the login node's sessions and the jobs run as. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
  /** Another user than this process: processes are started as that one, and files given to it. */
  isOther: boolean;
}

/**
 * Ourselves; but where we are root, which no job may be, and others log in as the account, the system's `nobody`. Null:
 * there is nobody.
 */
export function demoAccount(login: boolean): Account | null {
  const own = ownAccount();
  if (own === null || own.uid !== 0 || !login) return own;
  const line = passwdLines().find((fields) => fields[0] === 'nobody');
  const [name, , uid, gid] = line ?? [];
  return name === undefined ? null : { name, uid: Number(uid), gid: Number(gid), isOther: true };
}

/** Null where this uid has no name. */
function ownAccount(): Account | null {
  try {
    const { username, uid, gid } = userInfo();
    return { name: username, uid, gid, isOther: false };
  } catch {
    return null;
  }
}

function passwdLines(): string[][] {
  try {
    return readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'));
  } catch {
    return [];
  }
}

/** Options for `spawn`. */
export function asAccount({ uid, gid, isOther }: Account): { uid?: number; gid?: number } {
  return isOther ? { uid, gid } : {};
}

export function giveTo({ uid, gid, isOther }: Account, ...paths: readonly string[]): void {
  if (isOther) for (const path of paths) chownSync(path, uid, gid);
}
