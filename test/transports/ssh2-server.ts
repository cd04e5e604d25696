import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Connection } from 'ssh2';
import ssh2 from 'ssh2';
import { afterAll, afterEach, beforeAll } from 'vitest';

/** Servers of the library itself, which do what OpenSSH's does not, or not on demand; for the tests of one file. */
export interface OddServers {
  /** Starts one and makes `ssh -G campus` lead to it, as user ada; `lines` are more of its answer. */
  serve(serveClient: (client: Connection) => void, ...lines: string[]): Promise<void>;
  /** For files of the tests. */
  directory(): string;
}

/** Servers that end with the test that started them. */
export function oddServers(): OddServers {
  const usualPath = process.env['PATH'];
  const hostKey = newKeyPair();
  const servers: InstanceType<typeof ssh2.Server>[] = [];
  let directory = '';
  let count = 0;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'glidein-odd-'));
  });
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
    process.env['PATH'] = usualPath;
  });
  afterAll(() => rm(directory, { recursive: true }));
  return {
    directory: () => directory,
    async serve(serveClient, ...lines) {
      const server = new ssh2.Server({ hostKeys: [hostKey.private] }, (client) => {
        client.on('error', () => {});
        serveClient(client);
      });
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      count += 1;
      const known = join(directory, `known_hosts-${count}`);
      const [type, key] = hostPublicKey(hostKey.public);
      await writeFile(known, `[127.0.0.1]:${port} ${type} ${key}\n`);
      const answer = ['hostname 127.0.0.1', `port ${port}`, 'user ada', 'identityagent none', ...lines];
      const all = [...answer, 'stricthostkeychecking ask', `userknownhostsfile ${known}`];
      await writeFile(join(directory, 'ssh'), `#!/bin/sh\ncat <<'END'\n${all.join('\n')}\nEND\n`, { mode: 0o755 });
      process.env['PATH'] = `${directory}:${usualPath}`;
    },
  };
}

/** A pair that can be read back: ssh2 1.17 drops a leading zero, and so makes one of about 300 that nobody can. */
export function newKeyPair(): { private: string; public: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync('ed25519');
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

function hostPublicKey(line: string): [string, string] {
  const [type = '', key = ''] = line.split(' ');
  return [type, key];
}
