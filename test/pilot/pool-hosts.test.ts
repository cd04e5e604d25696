import { describe, expect, it } from 'vitest';
import { poolHosts, proxyAddress, registryAddress } from '../../src/pilot/pool-hosts.ts';

const words = (found: readonly { host: string; port: number }[]) => found.map(({ host, port }) => `${host}:${port}`);

describe('the central managers of a pilot’s pool', () => {
  it.each<[string, Record<string, string>, string[]]>([
    ['nothing', {}, ['cm-1.ospool.osg-htc.org:9618', 'cm-2.ospool.osg-htc.org:9618']],
    ['ITB', { ITB: 'True' }, ['cm-1.ospool-itb.osg-htc.org:9618', 'cm-2.ospool-itb.osg-htc.org:9618']],
    [
      'a pool by its name',
      { POOL: 'prod-path-facility', ITB: '1' },
      ['cm-1.facility.path-cc.io:9618', 'cm-2.facility.path-cc.io:9618'],
    ],
    ['a pool by its host', { POOL: 'cm.example.org' }, ['cm.example.org:9618']],
    ['a pool by host and port', { POOL: '127.0.0.1:4711' }, ['127.0.0.1:4711']],
    [
      'CONDOR_HOST, which beats POOL',
      { POOL: 'prod-ospool', CONDOR_HOST: 'a.example.org:1?sock=x, [::1]:2' },
      ['a.example.org:1', '::1:2'],
    ],
    ['a name that nobody knows', { POOL: 'mine' }, []],
  ])('are those of %s', (_what, environment, expected) => {
    expect(words(poolHosts(environment))).toEqual(expected);
  });
});

it('a proxy has the port of squid where it names none', () => {
  expect(proxyAddress('squid.example.org')).toEqual({ host: 'squid.example.org', port: 3128 });
  expect(proxyAddress('http://squid.example.org:8080/')).toEqual({ host: 'squid.example.org', port: 8080 });
  expect(proxyAddress('http://a b')).toBeNull();
});

it.each([
  ['docker://hub.example.org/osg/ep:1', { host: 'hub.example.org', port: 443 }],
  ['docker://127.0.0.1:5000/ep:1', { host: '127.0.0.1', port: 5000 }],
  ['docker://localhost/ep', { host: 'localhost', port: 443 }],
  ['docker://osg/ep:1', { host: 'registry-1.docker.io', port: 443 }],
  ['docker://ep', { host: 'registry-1.docker.io', port: 443 }],
  ['/images/ep.sif', null],
])('%s comes from where it says', (image, expected) => {
  expect(registryAddress(image)).toEqual(expected);
});
