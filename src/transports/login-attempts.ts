import type { Ask } from '../context.ts';
import type { Failure } from '../failure.ts';
import { commandLine } from '../shell.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { sshCommand } from './host-keys.ts';
import { type Identity, type KeyTools, type SigningKey, unlock } from './identities.ts';
import type { Endpoint } from './transport.ts';

/** Decides what a login tries next, and knows afterwards why it failed. One for each connection; nothing is tried twice. */
export interface LoginAttempts {
  /**
   * What to try after the last try failed. `methods` is what the server said would go on, null while it has said nothing.
   * `ask server`: the method `none`, whose refusal tells the methods. null: give up.
   */
  next(methods: readonly string[] | null): Identity | 'ask server' | null;
  /** The key behind an identity of a file; null where its passphrase is not to be had. */
  open(identity: Exclude<Identity, { kind: 'agent' }>): Promise<SigningKey | null>;
  /** The server accepts the identity and waits for its signature. */
  accepted(identity: Identity): void;
  /** Why nobody is logged in. `said`: the server's last words, if any. */
  failure(said: string | null): Failure;
}

/** The tries for `identities`, in their order. */
export function loginAttempts(
  offer: { identities: readonly Identity[]; unusable: readonly string[]; endpoint: Endpoint; user: string },
  tools: KeyTools,
  ask: Ask | null,
  limit: ConnectLimit,
): LoginAttempts {
  const queue = [...offer.identities];
  const tried: string[] = [];
  const opened = new Map<Identity, SigningKey | null>();
  let behindPassphrase: string | null = null;
  let lastAccepted: string | null = null;
  let justSigned = false;
  let methods: readonly string[] | null = null;
  return {
    next(said) {
      methods = said;
      // A signed try that did not log us in: wrong signature, or half of a login with two factors. Only the server knows.
      if (justSigned) {
        justSigned = false;
        return 'ask server';
      }
      if (said?.includes('publickey') === false) return null;
      const identity = queue.shift();
      if (identity === undefined) return said === null ? 'ask server' : null;
      tried.push(identity.label);
      return identity;
    },
    async open(identity) {
      if (identity.kind === 'open file') return identity.key;
      const before = opened.get(identity);
      if (before !== undefined) return before;
      if (ask === null) behindPassphrase ??= identity.label;
      const key = ask === null ? null : await unlock(identity, tools, ask, limit);
      opened.set(identity, key);
      if (key === null) tried.push(`${tried.pop()} (not opened)`);
      return key;
    },
    accepted(identity) {
      lastAccepted = identity.label;
      justSigned = true;
    },
    failure(said) {
      if (behindPassphrase !== null) return needsPassphrase(offer.endpoint, behindPassphrase);
      const reason = [
        loginReason(offer.user, lastAccepted, methods),
        tried.length === 0 ? 'there was no key to try' : `tried: ${tried.join(', ')}`,
        ...(offer.unusable.length === 0 ? [] : [`not usable: ${offer.unusable.join(', ')}`]),
        ...(methods === null ? [] : [`the server offers: ${methods.join(', ')}`]),
        ...(said === null ? [] : [`its last words: ${said}`]),
      ].join('; ');
      return limit.unreachable('login', reason, `Try: ${sshCommand(offer.endpoint)}`);
    },
  };
}

function loginReason(user: string, accepted: string | null, methods: readonly string[] | null): string {
  if (methods === null || methods.includes('publickey')) return `the server accepts no key of ours for user ${user}`;
  const more = methods.join(' or ');
  if (accepted !== null) return `the server accepts ${accepted}, but then asks for ${more}, which is not supported`;
  return `the server wants ${more} for user ${user}, which is not supported, and takes no keys`;
}

function needsPassphrase(endpoint: Endpoint, file: string): Failure {
  return {
    kind: 'needs-terminal',
    site: endpoint.site,
    what: `the passphrase of the key ${file}`,
    hint: `Put the key into an agent that this program can reach (SSH_AUTH_SOCK). Type: ${commandLine(['ssh-add', file])}`,
  };
}
