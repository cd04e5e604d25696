import { describe, expect, it } from 'vitest';
import { type CvmfsOptions, type CvmfsSettings, cvmfsValues } from '../../src/pilot/cvmfs.ts';

const options = (changes: Partial<CvmfsOptions> = {}): CvmfsOptions => ({
  ...{ repos: ['oasis.opensciencegrid.org'], dist: '~/dist', proxy: null, quotaMB: null, cache: null, logs: null },
  ...changes,
});

const values = (changes: Partial<CvmfsSettings> = {}) =>
  cvmfsValues({ site: 'anvil', cvmfs: 'auto', cvmfsOptions: null, squid: null, ...changes });

const withOptions = (changes: Partial<CvmfsOptions>) => values({ cvmfsOptions: options(changes) });

const mistake = (result: ReturnType<typeof values>) =>
  !result.ok && result.failure.kind === 'value-refused' ? [result.failure.key, result.failure.reason] : [];

describe('what a profile says of CVMFS', () => {
  it('brings nothing where it names nothing to bring', () => {
    expect(values()).toMatchObject({ ok: true, value: { cvmfs: 'auto', cvmfsBrought: false, cvmfsRepos: [] } });
  });

  it('brings each repository once, through the proxy, with the quota that is CVMFS’s own', () => {
    expect(withOptions({ repos: ['a.org', 'b.org', 'a.org'] })).toEqual({
      ok: true,
      value: {
        ...{ cvmfs: 'auto', cvmfsBrought: true, cvmfsRepos: ['a.org', 'b.org'], cvmfsProxy: null },
        ...{ cvmfsQuotaMB: 4000, cvmfsCache: null, cvmfsLogs: null },
      },
    });
  });

  it.each([
    [null, null, null],
    [null, 'squid.example.org:3128', 'http://squid.example.org:3128'],
    [null, 'http://squid.example.org:3128', 'http://squid.example.org:3128'],
    ['http://a:1|http://b:2;DIRECT', 'squid.example.org:3128', 'http://a:1|http://b:2;DIRECT'],
    ['auto', null, 'auto'],
    ['http://[fe80::1]:3128', null, 'http://[fe80::1]:3128'],
  ])('goes through %j with the squid %j by %s', (proxy, squid, expected) => {
    expect(values({ squid, cvmfsOptions: options({ proxy }) })).toMatchObject({ value: { cvmfsProxy: expected } });
  });

  it.each([
    ['http://a:1|squid:3128', 'at character 12, <squid:3128> is no proxy'],
    ['http://a:1;;DIRECT', 'at character 12, <> is no proxy'],
    ['http://a:1"; reboot #', 'at character 1, <http://a:1"> is no proxy'],
    ['http://$(id)', 'at character 1, '],
    ['http://a:1 |DIRECT', 'at character 1, <http://a:1 > is no proxy'],
    ['direct', '<direct> is no proxy'],
  ])('says where the proxy %s is wrong', (proxy, reason) => {
    const [key, said] = mistake(withOptions({ proxy }));
    expect(key).toBe('pilot.cvmfsOptions.proxy');
    expect(said).toContain(reason);
  });

  it.each(['oasis', '-x.org', '.org', 'a..org', 'a b.org', 'a.org;id', '$(id).org', 'a/b.org', ''])(
    'takes %j for no repository',
    (repo) => {
      expect(mistake(withOptions({ repos: ['a.org', repo] }))[0]).toBe('pilot.cvmfsOptions.repos');
    },
  );

  it.each(['/local disk', '/a$b', '/a,b', "/a'b", '$', '$1/x', 'x', '/a&b', '/a@b'])(
    'takes %j for no place that the programs of CVMFS can carry',
    (place) => {
      expect(mistake(withOptions({ cache: place }))[0]).toBe('pilot.cvmfsOptions.cache');
      expect(mistake(withOptions({ logs: place }))[0]).toBe('pilot.cvmfsOptions.logs');
    },
  );

  it.each(['/local', '$TMPDIR', '$LOCAL/a-b_c.d+e/'])('takes %s for a place', (place) => {
    expect(withOptions({ cache: place, logs: place })).toMatchObject({
      value: { cvmfsCache: place, cvmfsLogs: place },
    });
  });

  it.each([
    [{ cvmfs: 'cvmfs' }, 'pilot.cvmfs', 'it must be one of auto, bind'],
    [{ cvmfs: 'bind', cvmfsOptions: options() }, 'pilot.cvmfsOptions', 'no effect while pilot.cvmfs is bind'],
    [{ cvmfs: 'none', cvmfsOptions: options() }, 'pilot.cvmfsOptions', 'no effect while pilot.cvmfs is none'],
    [{ cvmfs: 'singcvmfs' }, 'pilot.cvmfsOptions.repos', 'must name the repositories'],
    [{ cvmfs: 'auto', cvmfsOptions: options({ repos: [] }) }, 'pilot.cvmfsOptions.repos', 'must name the repositories'],
    [{ cvmfs: 'cvmfsexec', cvmfsOptions: options({ dist: null }) }, 'pilot.cvmfsOptions.dist', 'cvmfsexec needs'],
    [{ cvmfs: 'singcvmfs', cvmfsOptions: options({ dist: null }) }, 'pilot.cvmfsOptions.dist', 'singcvmfs needs'],
    [{ cvmfs: 'mountrepo', cvmfsOptions: options({ dist: null }) }, 'pilot.cvmfsOptions.dist', 'mountrepo needs'],
    [{ cvmfs: 'container', cvmfsOptions: options() }, 'pilot.cvmfsOptions.dist', 'what is in the image'],
  ])('is refused for %j', (changes, key, reason) => {
    const [where, said] = mistake(values(changes));
    expect(where).toBe(key);
    expect(said).toContain(reason);
  });

  it.each([
    { cvmfs: 'container', cvmfsOptions: options({ dist: null }) },
    { cvmfs: 'auto', cvmfsOptions: options({ dist: null }) },
    { cvmfs: 'mountrepo', cvmfsOptions: options() },
    { cvmfs: 'bind' },
    { cvmfs: 'none' },
  ])('may be %j', (changes) => {
    expect(values(changes).ok).toBe(true);
  });
});
