import type { Failure } from '../failure.ts';
import { commandLine } from '../shell.ts';
import { knownHostName } from './host-keys.ts';
import type { LoginEnd } from './login-brake.ts';
import type { Refusal } from './ssh-client-log.ts';
import type { SshSettings } from './ssh-config.ts';
import type { Endpoint } from './transport.ts';

/** Where an `ssh` was to lead. */
export interface Reached {
  endpoint: Endpoint;
  target: string;
  settings: SshSettings;
  /** What else was heard, as of a jump host; empty: nothing. */
  said: string;
}

/** Why an `ssh` that asks nobody did not get in, as a failure. */
export function refusalFailure(refusal: Refusal, { endpoint, target, settings, said }: Reached): Failure {
  const { site } = endpoint;
  const { hostname: host, port } = settings;
  switch (refusal.kind) {
    case 'refused':
      return { kind: 'login-needed', site, target, why: whyNeeded(refusal.methods) };
    case 'unknown host key': {
      const hint = `glidein login ${site}   (there ssh asks; compare the fingerprint with what the site publishes)`;
      return { kind: 'host-key-unknown', site, host, port, fingerprint: refusal.fingerprint ?? 'not shown', hint };
    }
    case 'changed host key': {
      const known = refusal.known ?? 'a known-hosts file';
      const file = refusal.known?.replace(/:\d+$/, '') ?? settings.userKnownHosts[0] ?? '~/.ssh/known_hosts';
      const forget = commandLine(['ssh-keygen', '-R', knownHostName(settings), '-f', file]);
      const hint = `Somebody may be in between. Ask the site whether its key has changed; if so, type: ${forget}`;
      const fingerprint = refusal.fingerprint ?? 'another one';
      return { kind: 'host-key-changed', site, host, port, fingerprint, known, hint };
    }
    case 'failed': {
      const reason = [said, refusal.said].filter((text) => text !== '').join('; ');
      const words = reason === '' ? '`ssh` ended without a word' : reason;
      return { kind: 'unreachable', site, target, stage: refusal.stage, reason: words };
    }
  }
}

/** What a login that failed so is to be remembered as; null: it never came to a handshake, or ended on our side. */
export function loginEndOf(refusal: Refusal, failure: Failure): LoginEnd | null {
  if (refusal.kind === 'refused') return { kind: 'refused', reason: whyNeeded(refusal.methods), person: null };
  if (failure.kind !== 'unreachable' || (failure.stage !== 'handshake' && failure.stage !== 'login')) return null;
  return { kind: 'dropped', reason: failure.reason };
}

function whyNeeded(methods: readonly string[]): string {
  const questions = methods.filter((method) => method === 'keyboard-interactive' || method === 'password');
  if (questions.length > 0) return `the server asks for ${questions.join(' or ')}, which only a person can answer`;
  const offers = methods.length === 0 ? '' : ` (it takes: ${methods.join(', ')})`;
  return `the server takes nothing that can be given without a question${offers}`;
}
