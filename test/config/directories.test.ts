import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { configDirectory, dataDirectory } from '../../src/config/directories.ts';

const home = { HOME: '/home/ada' };

describe('the directories', () => {
  it('are below the home directory when nothing else is said', () => {
    expect(configDirectory({ configDir: null }, home)).toBe('/home/ada/.config/glidein');
    expect(dataDirectory({ configDir: null }, home)).toBe('/home/ada/.local/share/glidein');
  });

  it('follow XDG variables that are absolute, and no others', () => {
    const absolute = { ...home, XDG_CONFIG_HOME: '/x/config', XDG_DATA_HOME: '/x/data' };
    expect(configDirectory({ configDir: null }, absolute)).toBe('/x/config/glidein');
    expect(dataDirectory({ configDir: null }, absolute)).toBe('/x/data/glidein');
    const useless = { ...home, XDG_CONFIG_HOME: 'config', XDG_DATA_HOME: '' };
    expect(configDirectory({ configDir: null }, useless)).toBe('/home/ada/.config/glidein');
    expect(dataDirectory({ configDir: null }, useless)).toBe('/home/ada/.local/share/glidein');
  });

  it('are both the one that the environment names, and before it the one that the option names', () => {
    const env = { ...home, XDG_CONFIG_HOME: '/x', XDG_DATA_HOME: '/x', GLIDEIN_CONFIG_DIR: '/env' };
    for (const directory of [configDirectory, dataDirectory]) {
      expect(directory({ configDir: null }, env)).toBe('/env');
      expect(directory({ configDir: '/option' }, env)).toBe('/option');
    }
  });

  it('are absolute also when a relative one was asked for', () => {
    expect(configDirectory({ configDir: 'here' }, home)).toBe(resolve('here'));
  });
});
