import { spawn } from 'node:child_process';
import { expect, it } from 'vitest';
import { sessionCommand } from '../../src/login/session-command.ts';

it('a session ends by itself after the time that it is given, whoever keeps it open', async () => {
  const beforehand = ['trap "echo over" EXIT', 'trap "exit 3" TERM'];
  const command = sessionCommand({ loginShell: false, beforehand, lastsSeconds: 1 });
  // Its stdin stays open, as that of a stopped client does.
  const child = spawn('sh', ['-c', command], { stdio: ['pipe', 'pipe', 'ignore'] });
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 10_000);
  const signal = await new Promise((resolve) => child.once('close', (_code, name) => resolve(name)));
  clearTimeout(limit);
  expect(signal).toBeNull();
  expect(said).toMatch(/over\n$/);
});
