import { describe, expect, it } from 'vitest';
import { parseBinds } from '../../src/pilot/binds.ts';

describe('extra binds', () => {
  it.each([
    ['/data', { source: '/data', target: '' }],
    ['/data:/data:ro', { source: '/data', target: ':/data:ro' }],
    ['$SCRATCH', { source: '$SCRATCH', target: '' }],
    ['$SCRATCH/my files:/data:rw', { source: '$SCRATCH/my files', target: ':/data:rw' }],
    ['/etc/grid-security/certificates', { source: '/etc/grid-security/certificates', target: '' }],
    ['/x:/tmp/x', { source: '/x', target: ':/tmp/x' }],
  ])('takes %s', (bind, expected) => {
    expect(parseBinds('anvil', [bind])).toEqual({ ok: true, value: [expected] });
  });

  it.each([
    ...[
      'data',
      '',
      '~/x',
      '$(id)',
      '$\u007bHOME}',
      '$HOMEx y:z',
      '/a,/b',
      '/a:/b:suid',
      '/a:b',
      '/a:/b:ro:x',
      '/a"b',
      '/a\\b',
    ],
    ...[
      '/a\n',
      '/x:/etc',
      '/x:/etc/condor/config.d',
      '/x:/etc/osg/image-init.d',
      '/x:/',
      '/x:/.singularity.d/runscript',
    ],
    ...[
      '/x:/pilot',
      '/x:/pilot/y',
      '/x:/glidein',
      '/x:/usr',
      '/usr/local',
      '/x:/bin/sh',
      '/x:/data/../etc/osg',
      '/x://etc//osg',
    ],
    ...['/x:/tmp', '/tmp', '/x:/proc/self', '/x:/etc/./osg', '/x:/var', '/x:/etc/pkix'],
  ])('refuses %j', (bind) => {
    expect(parseBinds('anvil', ['/fine', bind])).toMatchObject({ ok: false, failure: { key: 'pilot.binds' } });
  });
});
