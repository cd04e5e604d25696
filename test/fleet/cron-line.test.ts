import { describe, expect, it } from 'vitest';
import {
  type CronJob,
  cronEnvironment,
  cronLine,
  markFor,
  outlivesLogin,
  possibleMinutes,
} from '../../src/fleet/cron-line.ts';

const job = (more: Partial<CronJob> = {}): CronJob => ({
  ...{
    everyMinutes: 10,
    node: '/opt/node/bin/node',
    program: '/opt/glidein/bin/glidein.js',
    words: ['top-up', '--all'],
  },
  ...{ env: { PATH: '/usr/bin:/bin' }, mark: markFor('/home/ada/.config/glidein'), who: 'lab ada' },
  ...more,
});
const minutesOf = (everyMinutes: number, who: string) => {
  const [minutes = '', hours = ''] = cronLine(job({ everyMinutes, who })).split(' ');
  const all = (text: string, end: number) => (text === '*' ? [...Array(end).keys()] : text.split(',').map(Number));
  return all(hours, 24).flatMap((hour) => all(minutes, 60).map((minute) => hour * 60 + minute));
};

describe('the line for cron', () => {
  it('says every so many minutes, all day long, whatever the interval and whoever it is', () => {
    for (const everyMinutes of possibleMinutes) {
      for (const who of ['lab ada', 'lab bea', 'login1 ada', 'x']) {
        const at = minutesOf(everyMinutes, who);
        expect(at).toHaveLength(1440 / everyMinutes);
        const steps = at.map((minute, index) => (at[index + 1] ?? (at[0] ?? 0) + 1440) - minute);
        expect(new Set(steps)).toEqual(new Set([everyMinutes]));
      }
    }
  });

  it('lets machines and people begin at other minutes, and one of them always at the same', () => {
    const firsts = Array.from({ length: 60 }, (_, at) => minutesOf(10, `host${at} ada`)[0]);
    expect(new Set(firsts).size).toBeGreaterThan(8);
    expect(minutesOf(10, 'lab ada')).toEqual(minutesOf(10, 'lab ada'));
  });

  it('runs the program by its whole path, in an environment of its own, in whatever shell the table names', () => {
    const [, command = ''] = /^(?:\S+ ){5}(.*)$/.exec(cronLine(job({ words: ['top-up', 'a b', '50%'] }))) ?? [];
    expect(command).toBe(
      `/usr/bin/env ${markFor('/home/ada/.config/glidein')} PATH=/usr/bin:/bin /opt/node/bin/node /opt/glidein/bin/glidein.js top-up 'a b' 50\\%`,
    );
  });

  it('stays short enough for cron, and is bytes', () => {
    const env = { PATH: Array.from({ length: 90 }, (_, at) => `/opt/module/number-${at}/bin`).join(':') };
    expect(cronLine(job({ env })).length).toBeLessThan(500);
    expect(cronLine(job({ env }))).toContain('PATH=/opt/node/bin:/usr/local/bin:/usr/bin:/bin');
    expect(cronLine(job({ words: ['--config-dir', '/home/zoë'] }))).toContain(
      Buffer.from('/home/zoë').toString('latin1'),
    );
  });

  it('takes what cron lacks, and no agent that goes with the login', () => {
    const env = { PATH: '/a:relative::/b:/a', XDG_DATA_HOME: '/data', XDG_CONFIG_HOME: 'relative', SECRET: 'x' };
    expect(cronEnvironment({ ...env, SSH_AUTH_SOCK: '/tmp/ssh-XX/agent.1' })).toEqual({
      PATH: '/a:/b',
      XDG_DATA_HOME: '/data',
    });
    expect(cronEnvironment({ SSH_AUTH_SOCK: '/home/ada/.ssh/agent.sock' })).toMatchObject({
      SSH_AUTH_SOCK: '/home/ada/.ssh/agent.sock',
    });
    expect(outlivesLogin('/run/user/1000/keyring/ssh')).toBe(true);
    expect(markFor('/a')).not.toBe(markFor('/b'));
  });
});
