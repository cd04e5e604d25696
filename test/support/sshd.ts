import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import type { TestSshd } from './cluster.ts';
import { freePorts } from './free-ports.ts';
import { isAlive, stopProcess } from './processes.ts';
import { mustRun } from './run-program.ts';
import { waitUntil } from './wait-until.ts';

/**
 * Starts an sshd of its own (host key, port, files in `directory`, which must not exist yet) on loopback for the test users.
 * `extraLines` stand first in its configuration, where they win over the lines after them. `environment` is what its
 * sessions have. `program` is its absolute path, whose last name is also that of its PAM service. Answers when it accepts
 * connections.
 */
export async function startSshd(
  directory: string,
  options: { environment: Record<string, string>; extraLines?: readonly string[]; program?: string },
): Promise<TestSshd> {
  await mkdir(directory, { mode: 0o755 });
  await mkdir('/run/sshd', { recursive: true, mode: 0o755 }); // Where sshd locks up its unprivileged half; it insists.
  const [port = 0] = await freePorts(1);
  const file = (name: string): string => join(directory, name);
  const hostKeyFile = file('host_ed25519');
  await mustRun('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', '', '-f', hostKeyFile]);
  const sshd = {
    host: '127.0.0.1',
    port,
    configFile: file('sshd_config'),
    hostKeyFile,
    hostPublicKey: (await readFile(`${hostKeyFile}.pub`, 'utf8')).trim(),
    logFile: file('sshd.log'),
    pidFile: file('sshd.pid'),
  };
  await writeFile(sshd.configFile, `${configLines(sshd, options).join('\n')}\n`);
  // By its absolute path: sshd starts itself again for every connection.
  await mustRun(options.program ?? '/usr/sbin/sshd', ['-f', sshd.configFile, '-E', sshd.logFile]);
  await waitUntil('sshd accepts connections', 10, () => accepts(port));
  return sshd;
}

function configLines(
  sshd: TestSshd,
  options: { environment: Record<string, string>; extraLines?: readonly string[] },
): string[] {
  const environment = Object.entries(options.environment).map(([name, value]) => `${name}=${value}`);
  return [
    ...(options.extraLines ?? []),
    `ListenAddress ${sshd.host}`,
    `Port ${sshd.port}`,
    `HostKey ${sshd.hostKeyFile}`,
    `PidFile ${sshd.pidFile}`,
    'LogLevel VERBOSE',
    'UsePAM no',
    'PubkeyAuthentication yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin no',
    'AllowUsers glt-*',
    'AuthorizedKeysFile .ssh/authorized_keys',
    'PrintMotd no',
    'UseDNS no',
    'Subsystem sftp internal-sftp',
    ...(environment.length === 0 ? [] : [`SetEnv ${environment.join(' ')}`]),
  ];
}

/** Ends the listening sshd. Sessions that are open stay open. */
export async function stopSshd(sshd: TestSshd): Promise<void> {
  const pid = Number(await readFile(sshd.pidFile, 'utf8'));
  if (isAlive(pid)) await stopProcess(pid);
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: '127.0.0.1', port });
    socket.once('error', () => resolve(false));
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.setTimeout(2000, () => {
      socket.destroy();
      resolve(false);
    });
  });
}
