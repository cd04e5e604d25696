/** What a `ProxyJump` of an SSH configuration says: which hosts a connection goes through (ssh_config(5)). Pure. */

/** A host on the way, as it is named there. Nulls mean: whatever the configuration of that host says. */
export interface JumpName {
  host: string;
  user: string | null;
  port: number | null;
}

/** The hosts that more than this many lead through are taken for a circle. */
export const mostJumps = 8;

/**
 * The last host of the line and, in `before`, those that lead to it; null there: what that host's own configuration says.
 * null where the line cannot be read.
 */
export function lastJump(line: string): { jump: JumpName; before: string | null } | null {
  const comma = line.lastIndexOf(',');
  const jump = jumpName(line.slice(comma + 1).trim());
  return jump === null ? null : { jump, before: comma < 0 ? null : line.slice(0, comma) };
}

function jumpName(text: string): JumpName | null {
  const plain = text.replace(/^ssh:\/\//, '').replace(/\/$/, '');
  // A user's name may hold an `@`, a host's not.
  const at = plain.lastIndexOf('@');
  const user = at < 0 ? null : plain.slice(0, at);
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(plain.slice(at + 1));
  const host = match?.[1] ?? match?.[2] ?? '';
  const port = match?.[3] === undefined ? null : Number(match[3]);
  const isWhole = host !== '' && !host.startsWith('-') && user !== '' && !user?.startsWith('-');
  return isWhole && (port === null || (port > 0 && port < 65_536)) ? { host, user, port } : null;
}
