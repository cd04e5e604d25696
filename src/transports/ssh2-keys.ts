import type {
  BaseAgent,
  GetStreamCallback,
  IdentityCallback,
  OpenSSHAgent,
  ParsedKey,
  SignCallback,
  SigningRequestOptions,
} from 'ssh2';
import type { ConnectLimit } from './connect-limit.ts';
import type { AgentKey, Identity, KeyTools } from './identities.ts';
import type { LoginAttempts } from './login-attempts.ts';

/** The library, as it is once it is loaded. */
export type Library = typeof import('ssh2');

/**
 * One identity as an agent. ssh2 asks an agent for a signature only after the server said that it takes the key, so a
 * passphrase is asked for only where it is of use.
 */
export function soleIdentity(
  library: Library,
  identity: Identity,
  socket: string | null,
  attempts: LoginAttempts,
  limit: ConnectLimit,
): BaseAgent {
  const open = async () => {
    const key = identity.kind === 'agent' ? null : await attempts.open(identity);
    if (key === null) throw new Error('not opened');
    return key;
  };
  class SoleIdentity extends library.BaseAgent<Buffer> {
    override getIdentities(done: IdentityCallback<Buffer>): void {
      if (identity.publicKey !== null) done(null, [identity.publicKey]);
      else void open().then((key) => done(null, [key.getPublicSSH()]), done);
    }

    override sign(key: Buffer, data: Buffer, options: SigningRequestOptions | SignCallback, then?: SignCallback): void {
      const caller = typeof options === 'function' ? options : then;
      const how = typeof options === 'function' ? {} : options;
      const done: SignCallback = (error, signature) => {
        if (signature !== undefined) attempts.accepted(identity);
        caller?.(error, signature);
      };
      if (identity.kind === 'agent' && socket !== null) reachAgent(library, socket, limit).sign(key, data, how, done);
      else void open().then((own) => tell(own.sign(data, how.hash), done), done);
    }
  }
  return new SoleIdentity();
}

function tell(signature: Buffer | Error, done: SignCallback): void {
  if (signature instanceof Error) done(signature);
  else done(null, signature);
}

/** What ssh2 does with keys. */
export function keyTools(library: Library, limit: ConnectLimit): KeyTools {
  return {
    parse: (text, passphrase) => library.utils.parseKey(text, passphrase),
    agentKeys: (socket) =>
      new Promise((resolve, reject) => {
        reachAgent(library, socket, limit).getIdentities((error, keys) => {
          if (error) reject(error);
          // What the types call an entry is always a parsed key in ssh2 1.17.
          else resolve((keys ?? []).flatMap((key) => ('getPublicSSH' in key ? [agentKey(key)] : [])));
        });
      }),
  };
}

function agentKey(key: ParsedKey): AgentKey {
  return { publicKey: key.getPublicSSH(), comment: key.comment || key.type };
}

/** The agent, whose connections are closed when the attempt is over: one that never answers must not keep us. */
function reachAgent(library: Library, path: string, limit: ConnectLimit): OpenSSHAgent {
  class LimitedAgent extends library.OpenSSHAgent {
    override getStream(done: GetStreamCallback): void {
      super.getStream((error, stream) => {
        if (stream) limit.signal.addEventListener('abort', () => stream.destroy(), { once: true });
        done(error, stream);
      });
    }
  }
  return new LimitedAgent(path);
}
