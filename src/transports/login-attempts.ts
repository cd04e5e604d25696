import type { Ask } from '../context.ts';
import type { Failure } from '../failure.ts';
import { commandLine } from '../shell.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { sshCommand } from './host-keys.ts';
import { type Identity, type KeyTools, type LockedFile, type SigningKey, unlock } from './identities.ts';
import type { Endpoint } from './transport.ts';

/** What a login has to offer, and as whom. */
export interface LoginOffer {
  /** In the order in which they are tried. */
  identities: readonly Identity[];
  /** Why others are not among them. */
  unusable: readonly string[];
  endpoint: Endpoint;
  user: string;
}

/** Decides what a login tries next, and knows afterwards why it failed. One for each connection; nothing is tried twice. */
export class LoginAttempts {
  private readonly offer: LoginOffer;
  private readonly unlockFile: (identity: LockedFile) => Promise<SigningKey | null>;
  private readonly limit: ConnectLimit;
  private readonly queue: Identity[];
  private readonly tried: string[] = [];
  private readonly opened = new Map<Identity, SigningKey | null>();
  private methods: readonly string[] | null = null;
  private needsTerminal: string | null = null;
  private lastAccepted: string | null = null;
  private justSigned = false;

  constructor(offer: LoginOffer, tools: KeyTools, ask: Ask | null, limit: ConnectLimit) {
    this.offer = offer;
    this.limit = limit;
    this.queue = [...offer.identities];
    this.unlockFile = async (identity) => {
      if (ask !== null) return unlock(identity, tools, ask, limit);
      this.needsTerminal ??= identity.label;
      return null;
    };
  }

  /**
   * What to try after the last try failed. `methods` is what the server said would go on, null while it has said nothing.
   * `ask server`: the method `none`, whose refusal tells the methods. null: give up.
   */
  next(methods: readonly string[] | null): Identity | 'ask server' | null {
    this.methods = methods;
    // A signed try that did not log us in: wrong signature, or half of a login with two factors. Only the server knows.
    if (this.justSigned) {
      this.justSigned = false;
      return 'ask server';
    }
    if (methods?.includes('publickey') === false) return null;
    const identity = this.queue.shift();
    if (identity === undefined) return methods === null ? 'ask server' : null;
    this.tried.push(identity.label);
    return identity;
  }

  /** The key behind an identity of a file; null where its passphrase is not to be had. */
  async open(identity: Exclude<Identity, { kind: 'agent' }>): Promise<SigningKey | null> {
    if (identity.kind === 'open file') return identity.key;
    const before = this.opened.get(identity);
    if (before !== undefined) return before;
    const key = await this.unlockFile(identity);
    this.opened.set(identity, key);
    if (key === null) this.tried.push(`${this.tried.pop()} (not opened)`);
    return key;
  }

  /** The server took the identity, and gets its signature. */
  accepted(identity: Identity): void {
    this.lastAccepted = identity.label;
    this.justSigned = true;
  }

  /** Why nobody is logged in. `said`: the server's last words, if any. */
  failure(said: string | null): Failure {
    const { endpoint, user, unusable } = this.offer;
    if (this.needsTerminal !== null) return needsPassphrase(endpoint, this.needsTerminal);
    const reason = [
      loginReason(user, this.lastAccepted, this.methods),
      this.tried.length === 0 ? 'there was no key to try' : `tried: ${this.tried.join(', ')}`,
      ...(unusable.length === 0 ? [] : [`not usable: ${unusable.join(', ')}`]),
      ...(this.methods === null ? [] : [`the server offers: ${this.methods.join(', ')}`]),
      ...(said === null ? [] : [`its last words: ${said}`]),
    ].join('; ');
    return this.limit.unreachable('login', reason, `Try: ${sshCommand(endpoint)}`);
  }
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
