import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import type { Connection, ParsedKey, PublicKeyAuthContext, Server, ServerChannel } from 'ssh2';
import { type Account, asAccount } from './account.ts';
import { ProcessTree } from './process-tree.ts';

/** What a login node is like for the one who logs in. */
export interface LoginGround {
  /** The name to log in with. */
  user: string;
  account: Account;
  home: string;
  /** The whole environment of a session. */
  environment: Readonly<Record<string, string>>;
}

/** An SSH server on loopback. One key opens it; commands run as a login shell would run them. */
export interface LoginNode {
  port: number;
  /** Its public key, as it stands in a known-hosts file. */
  hostKey: string;
  /** The private key that opens it, in OpenSSH's form. */
  clientKey: string;
  /** How many connections there were. */
  connections(): number;
  /** Cuts every connection; what runs, runs on. */
  cut(): void;
  /** Cuts, takes no more, and kills what its sessions started. */
  close(): Promise<void>;
}

export async function startLoginNode(ground: LoginGround): Promise<LoginNode> {
  const { default: ssh2 } = await import('ssh2');
  const host = newKeyPair(ssh2);
  const client = newKeyPair(ssh2);
  const opener = client.parsed;
  const trees = new Set<ProcessTree>();
  const open = new Set<Connection>();
  let count = 0;
  const server = new ssh2.Server({ hostKeys: [host.private] }, (connection) => {
    count += 1;
    open.add(connection);
    connection.on('close', () => open.delete(connection));
    connection.on('error', () => {}); // A client that was killed.
    admit(connection, ground.user, opener);
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, { command }) => {
        runCommand(command, acceptExec(), ground, trees);
      });
    });
  });
  const port = await listening(server);
  const cut = () => {
    for (const connection of open) connection.end();
  };
  return {
    port,
    hostKey: host.public.trim().split(' ').slice(0, 2).join(' '),
    clientKey: client.private,
    connections: () => count,
    cut,
    async close() {
      server.close();
      cut();
      await Promise.all([...trees].map((tree) => tree.end()));
    },
  };
}

/** One pair in 256 of those that ssh2 1.17 makes cannot be read again: it drops leading zeros (its issue 1390). */
function newKeyPair({ utils }: Pick<typeof import('ssh2'), 'utils'>): {
  public: string;
  private: string;
  parsed: ParsedKey;
} {
  for (;;) {
    const pair = utils.generateKeyPairSync('ed25519');
    const parsed = utils.parseKey(pair.public);
    if (!(parsed instanceof Error)) return { ...pair, parsed };
  }
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function admit(connection: Connection, user: string, key: ParsedKey): void {
  connection.on('authentication', (attempt) => {
    const isRight = attempt.method === 'publickey' && attempt.username === user && proves(attempt, key);
    if (isRight) attempt.accept();
    else attempt.reject(['publickey']);
  });
}

/** The right key, and, once it is asked for, a signature that only its owner can make. */
function proves({ key, signature, blob, hashAlgo }: PublicKeyAuthContext, right: ParsedKey): boolean {
  if (!key.data.equals(right.getPublicSSH())) return false;
  return signature === undefined || blob === undefined || right.verify(blob, signature, hashAlgo) === true;
}

/** As sshd does it, but that the account's shell is always `sh`. The program outlives its channel. */
function runCommand(command: string, channel: ServerChannel, ground: LoginGround, trees: Set<ProcessTree>): void {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: ground.home,
    env: ground.environment,
    detached: true,
    stdio: 'pipe',
    ...asAccount(ground.account),
  });
  channel.pipe(child.stdin);
  child.stdout.pipe(channel, { end: false });
  child.stderr.pipe(channel.stderr, { end: false });
  // Either side may be gone before the other.
  for (const stream of [child.stdin, child.stdout, child.stderr, channel]) stream.on('error', () => {});
  channel.on('close', () => {
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
  });
  child.on('error', () => channel.exit(127));
  child.on('close', (code, signal) => {
    if (signal === null) channel.exit(code ?? 255);
    else channel.exit(signal.replace('SIG', ''), false, '');
    channel.end();
    channel.close();
  });
  if (child.pid === undefined) return;
  const tree = new ProcessTree(child.pid);
  trees.add(tree);
  // Once nothing is left of it, its number may become somebody else's.
  child.on('exit', () => {
    if (tree.living().length === 0) trees.delete(tree);
  });
}
