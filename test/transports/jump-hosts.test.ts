import { describe, expect, it } from 'vitest';
import { lastJump } from '../../src/transports/jump-hosts.ts';

describe('a ProxyJump', () => {
  it.each([
    ['gate', { host: 'gate', user: null, port: null }],
    ['ada@gate.example.org:2222', { host: 'gate.example.org', user: 'ada', port: 2222 }],
    ['ada@realm@gate', { host: 'gate', user: 'ada@realm', port: null }],
    ['ssh://ada@gate:22/', { host: 'gate', user: 'ada', port: 22 }],
    ['[2001:db8::1]:22', { host: '2001:db8::1', user: null, port: 22 }],
  ])('names a host: %s', (line, jump) => {
    expect(lastJump(line)).toEqual({ jump, before: null });
  });

  it('is taken from its end, with what leads there', () => {
    expect(lastJump('first,ada@second:22, third')).toEqual({
      jump: { host: 'third', user: null, port: null },
      before: 'first,ada@second:22',
    });
  });

  it.each(['', 'a,', '-oProxyCommand=x', '@gate', '-l@gate', 'gate:0', 'gate:70000', 'gate:x', 'a:b:c'])(
    'that names none is told: %j',
    (line) => {
      expect(lastJump(line)).toBeNull();
    },
  );
});
