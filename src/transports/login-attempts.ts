import type { Ask } from '../context.ts';
import type { Failure } from '../failure.ts';
import { commandLine } from '../shell.ts';
import type { ConnectLimit } from './connect-limit.ts';
import { sshCommand } from './host-keys.ts';
import { type Identity, type KeyTools, type LockedFile, type SigningKey, unlock } from './identities.ts';
import type { PersonNeeded } from './login-brake.ts';
import type { Endpoint } from './transport.ts';

/** What a login has to offer, and as whom. */
export interface LoginOffer {
  /** In the order in which they are tried. */
  identities: readonly Identity[];
  /** Why others are not among them. */
  unusable: readonly string[];
  endpoint: Endpoint;
  user: string;
  /** Some of what is asked for can be given by OpenSSH only. */
  needsOpenssh: boolean;
}

/** A way in that a person answers. */
export type QuestionMethod = 'keyboard-interactive' | 'password';

// In the order of `ssh`.
const questionMethods: readonly QuestionMethod[] = ['keyboard-interactive', 'password'];

/** The ways in that ssh2 1.17 has. The others (`gssapi-with-mic`, `hostbased`) are OpenSSH's alone. */
const ownMethods: readonly string[] = ['publickey', 'none', ...questionMethods];

// A server that takes a key may refuse the login after six refused ones (`MaxAuthTries`): with so many it is asked first
// whether it takes any. That costs a round trip.
const manyIdentities = 4;

/** Decides what a login tries next, and knows afterwards why it failed. One for each connection; nothing is tried twice. */
export class LoginAttempts {
  private readonly offer: LoginOffer;
  private readonly unlockFile: (identity: LockedFile) => Promise<SigningKey | null>;
  private readonly hasPerson: boolean;
  private readonly limit: ConnectLimit;
  private queue: Identity[];
  private readonly tried: string[] = [];
  private readonly opened = new Map<Identity, SigningKey | null>();
  private methods: readonly string[] | null = null;
  private needsTerminal: string | null = null;
  private lastAccepted: string | null = null;
  private justSigned = false;
  private asked: { method: QuestionMethod; isAnswered: boolean } | null = null;
  private readonly spent = new Set<QuestionMethod>();
  private wrong: QuestionMethod | null = null;
  private given: PersonNeeded | null = null;

  constructor(offer: LoginOffer, tools: KeyTools, ask: Ask | null, limit: ConnectLimit) {
    this.offer = offer;
    this.limit = limit;
    this.hasPerson = ask !== null;
    this.queue = [...offer.identities];
    this.unlockFile = async (identity) => {
      if (ask !== null) return unlock(identity, tools, ask, limit);
      this.needsTerminal ??= identity.label;
      return null;
    };
  }

  /**
   * What to try after the last try failed. `methods` is what the server said would go on, null while it has said nothing;
   * `isPartial`: the last one was right, and more is wanted. `ask server`: the method `none`, whose refusal tells the
   * methods. null: give up.
   */
  next(methods: readonly string[] | null, isPartial = false): Identity | QuestionMethod | 'ask server' | null {
    this.methods = methods;
    // A signed try that did not log us in: wrong signature, or half of a login with two factors. Only the server knows.
    if (this.justSigned) {
      this.justSigned = false;
      return 'ask server';
    }
    if (this.asked !== null && !this.goesOnAfter(this.asked, isPartial)) return null;
    if (methods === null && this.tried.length === 0 && this.queue.length >= manyIdentities) return 'ask server';
    return this.nextIdentity() ?? (methods === null ? 'ask server' : this.nextQuestions(methods));
  }

  private nextIdentity(): Identity | null {
    if (this.methods?.includes('publickey') === false) return null;
    const identity = this.queue.shift() ?? null;
    if (identity !== null) this.tried.push(identity.label);
    return identity;
  }

  private nextQuestions(methods: readonly string[]): QuestionMethod | null {
    const method = questionMethods.find((one) => methods.includes(one) && !this.spent.has(one));
    if (method === undefined || !this.hasPerson) return null;
    this.spent.add(method);
    this.asked = { method, isAnswered: false };
    return method;
  }

  /** A wrong answer is not made good by another try: servers count, and it is the person's to try again. */
  private goesOnAfter(
    { method, isAnswered }: { method: QuestionMethod; isAnswered: boolean },
    isPartial: boolean,
  ): boolean {
    this.asked = null;
    if (isPartial) {
      this.lastAccepted = 'the answers';
      this.queue = [...this.offer.identities];
      this.spent.clear();
      return true;
    }
    if (isAnswered) this.wrong = method;
    return !isAnswered;
  }

  /** A person has answered what the server asked. */
  answered(): void {
    if (this.asked === null) return;
    this.asked.isAnswered = true;
    // Where a key would have done as well, another process may have it.
    if (this.methods?.includes('publickey') !== false) return;
    this.given = answersNeeded(this.offer.endpoint, [this.asked.method]);
  }

  /** What a person gave for this login, or would have to, that no key could stand for; null: nothing. */
  personNeeded(): PersonNeeded | null {
    const { endpoint } = this.offer;
    if (this.needsTerminal !== null) return passphraseNeeded(endpoint, this.needsTerminal);
    const wanted = this.wantedOfPerson();
    return wanted === null ? this.given : answersNeeded(endpoint, wanted);
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
    const wanted = this.wantedOfPerson();
    if (wanted !== null && said === null) return needsAnswers(endpoint, user, wanted, this.lastAccepted);
    const reason = [
      this.reason(),
      this.tried.length === 0 ? 'there was no key to try' : `tried: ${this.tried.join(', ')}`,
      ...(unusable.length === 0 ? [] : [`not usable: ${unusable.join(', ')}`]),
      ...(this.methods === null ? [] : [`the server offers: ${this.methods.join(', ')}`]),
      ...(said === null ? [] : [`its last words: ${said}`]),
    ].join('; ');
    return this.limit.unreachable('login', reason, this.hint());
  }

  /** What the person gave no answer to. Nothing was sent. */
  declined(): Failure {
    const { endpoint, user } = this.offer;
    return this.limit.unreachable('login', `no answer was given for user ${user}`, `glidein login ${endpoint.site}`);
  }

  /** The methods that only a person could go on with, where there is none. */
  private wantedOfPerson(): readonly QuestionMethod[] | null {
    if (this.hasPerson || this.methods === null || this.methods.includes('publickey')) return null;
    const wanted = questionMethods.filter((one) => this.methods?.includes(one));
    return wanted.length === 0 ? null : wanted;
  }

  private reason(): string {
    const { user } = this.offer;
    if (this.wrong === 'password') return `the server did not take the password of user ${user}`;
    if (this.wrong !== null) return `the server did not take what was answered for user ${user}`;
    const { methods } = this;
    if (methods === null || methods.includes('publickey')) return `the server accepts no key of ours for user ${user}`;
    const more = methods.join(' or ');
    const lacks = methods.every((one) => ownMethods.includes(one)) ? '' : ', which the transport ssh2 does not have';
    if (this.lastAccepted !== null) return `the server accepts ${this.lastAccepted}, but then asks for ${more}${lacks}`;
    return `the server wants ${more} for user ${user}${lacks}, and takes no keys`;
  }

  private hint(): string {
    const { endpoint, needsOpenssh } = this.offer;
    if (this.wrong !== null) return `glidein login ${endpoint.site}`;
    const lacks = this.methods?.some((one) => !ownMethods.includes(one)) === true;
    return needsOpenssh || lacks ? `Type: ${takeOpenssh(endpoint.site)}` : `Try: ${sshCommand(endpoint)}`;
  }
}

/** The command that makes a site go by the system's `ssh`, which has what ssh2 lacks. */
export function takeOpenssh(site: string): string {
  return `glidein site set ${site} connection.transport=openssh`;
}

function answersNeeded({ site }: Endpoint, methods: readonly QuestionMethod[]): PersonNeeded {
  const what = methods.includes('keyboard-interactive') ? 'a code or password' : 'the password';
  return { what, remedy: `${takeOpenssh(site)} && glidein login ${site}` };
}

function passphraseNeeded({ site }: Endpoint, file: string): PersonNeeded {
  return {
    what: `the passphrase of the key ${file}`,
    remedy: `${commandLine(['ssh-add', file])} && glidein login ${site}`,
  };
}

function needsPassphrase(endpoint: Endpoint, file: string): Failure {
  return {
    kind: 'needs-terminal',
    site: endpoint.site,
    what: `the passphrase of the key ${file}`,
    hint: `Put the key into an agent that this program can reach (SSH_AUTH_SOCK). Type: ${commandLine(['ssh-add', file])}`,
  };
}

function needsAnswers(
  endpoint: Endpoint,
  user: string,
  methods: readonly QuestionMethod[],
  accepted: string | null,
): Failure {
  const { what, remedy } = answersNeeded(endpoint, methods);
  const { site, host } = endpoint;
  const after = accepted === null ? '' : `, after ${accepted}`;
  return {
    kind: 'needs-terminal',
    site,
    what: `${what} for ${user}@${host} (${methods.join(', ')}${after})`,
    hint: `${remedy}   (once, at a terminal: later passes use that login)`,
  };
}
