import { describe, expect, it } from 'vitest';
import { isImageName } from '../../src/image/image-name.ts';
import { isLoopback, nameOf, parseSource, pinnedUri } from '../../src/image/image-source.ts';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('the source of an image', () => {
  it.each([
    [
      'docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-release',
      'hub.opensciencegrid.org',
      null,
      'osg-htc/ospool-ep',
      '25-release',
    ],
    ['docker://127.0.0.1:5000/pilot:test', '127.0.0.1', 5000, 'pilot', 'test'],
    ['docker://localhost/pilot', 'localhost', null, 'pilot', 'latest'],
    ['docker://[::1]:5000/a/b:c', '[::1]', 5000, 'a/b', 'c'],
    ['docker://alpine', 'registry-1.docker.io', null, 'library/alpine', 'latest'],
    [
      'docker://opensciencegrid/osgvo-docker-pilot:23-release',
      'registry-1.docker.io',
      null,
      'opensciencegrid/osgvo-docker-pilot',
      '23-release',
    ],
    ['docker://docker.io/alpine:3', 'registry-1.docker.io', null, 'library/alpine', '3'],
    [`docker://r.example.org/a@${digest}`, 'r.example.org', null, 'a', digest],
    [`docker://r.example.org/a:b@${digest}`, 'r.example.org', null, 'a', digest],
  ])('is read from %s', (uri, host, port, repository, reference) => {
    expect(parseSource(uri)).toMatchObject({ kind: 'registry', host, port, repository, reference });
  });

  it('may be a directory of this machine', () => {
    expect(parseSource('oci:/home/ada/layout:tag')).toEqual({ kind: 'layout', path: '/home/ada/layout' });
    expect(parseSource('oci:/home/ada/layout')).toEqual({ kind: 'layout', path: '/home/ada/layout' });
  });

  it.each([
    'alpine',
    'docker:alpine',
    'docker://',
    'docker://user:secret@r.example.org/a',
    'docker://r.example.org/',
    'oci:relative',
    'docker://r.example.org/a b',
    'docker://r.example.org/a\nb',
    'docker://r.example.org/../../etc',
    'docker://r.example.org/a/../b',
    'docker://r.example.org/a//b',
    'docker://r.example.org/a/',
    'docker://r.example.org/a?x=y',
    '--help',
    'docker-daemon:alpine',
    `docker://r.example.org/a@sha256:12`,
  ])('is not %j', (uri) => {
    expect(parseSource(uri)).toBeNull();
  });

  it('gives the image its name', () => {
    const name = (uri: string) => nameOf(parseSource(uri) ?? { kind: 'layout', path: '' });
    expect(name('docker://hub.opensciencegrid.org/osg-htc/ospool-ep:25-cuda_11_8_0-release')).toBe(
      '25-cuda_11_8_0-release',
    );
    expect(name('docker://r.example.org/a/pilot')).toBe('pilot');
    expect(name('docker://r.example.org/a/pilot:latest')).toBe('pilot');
    expect(name(`docker://r.example.org/a/pilot@${digest}`)).toBe('pilot');
    expect(name('oci:/home/ada/.my pilot'.replace(' ', '+'))).toBe('my-pilot');
  });

  it('is pinned to what its tag stood for, and stays one source', () => {
    expect(pinnedUri('docker://127.0.0.1:5000/a/b:c', digest)).toBe(`docker://127.0.0.1:5000/a/b@${digest}`);
    expect(pinnedUri('docker://127.0.0.1:5000/a/b', digest)).toBe(`docker://127.0.0.1:5000/a/b@${digest}`);
    expect(pinnedUri('docker://r.example.org/a:b', null)).toBe('docker://r.example.org/a:b');
    expect(pinnedUri('oci:/a/b:c', digest)).toBe('oci:/a/b:c');
    const given = `docker://r.example.org/a@${digest}`;
    expect(pinnedUri(given, `sha256:${'f'.repeat(64)}`)).toBe(given);
  });
});

describe('a registry without TLS', () => {
  it('is only ever this machine, by its name', () => {
    for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]']) expect(isLoopback(host)).toBe(true);
    for (const host of ['localhost.example.org', '127.0.0.1.example.org', '10.0.0.1', 'example.org', '128.0.0.1'])
      expect(isLoopback(host)).toBe(false);
  });
});

describe('the name of an image', () => {
  it('can be a tag, and no path', () => {
    for (const name of ['25-release', '_x', 'a.b-c_D', 'a'.repeat(128)]) expect(isImageName(name)).toBe(true);
    for (const name of ['', '.', '..', '-x', '.x', 'a/b', 'a b', 'a\n', 'a'.repeat(129), 'ä'])
      expect(isImageName(name)).toBe(false);
  });
});
