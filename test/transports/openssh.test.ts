import { expect, it } from 'vitest';
import { masterOptions } from '../../src/transports/openssh.ts';
import { parseSshSettings, type SshSettings } from '../../src/transports/ssh-config.ts';

const here = { home: '/home/ada', user: 'ada', uid: 1000, env: {} };
const settings = (...lines: string[]): SshSettings =>
  parseSshSettings(['user ada', 'hostname campus', 'port 22', ...lines, ''].join('\n'), here);
const options = (of: SshSettings) => masterOptions(of, { socket: '/tmp/glidein-0/p-100%/s', idleSeconds: 10 });

it('asks a silent server whether it is there, unless the configuration has its own times', () => {
  expect(options(settings())).toEqual(expect.arrayContaining(['ServerAliveInterval=15', 'ServerAliveCountMax=3']));
  expect(options(settings('serveraliveinterval 40')).join(' ')).not.toContain('ServerAlive');
});

it('takes no unknown host key without a word, whatever the configuration allows', () => {
  expect(options(settings('stricthostkeychecking no'))).toContain('StrictHostKeyChecking=ask');
  expect(options(settings('stricthostkeychecking true')).join(' ')).not.toContain('StrictHostKeyChecking');
});

it('gives ssh a path in which it expands nothing', () => {
  expect(options(settings())).toContain('/tmp/glidein-0/p-100%%/s');
});
