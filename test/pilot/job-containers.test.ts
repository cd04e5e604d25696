import { describe, expect, it } from 'vitest';
import { type JobContainerFacts, jobContainerWords } from '../../src/pilot/job-containers.ts';

const words = (changes: Partial<JobContainerFacts> = {}) =>
  jobContainerWords({
    ...{ gpus: false, binds: [], disablePidNamespaces: false, cvmfs: 'bind', cvmfsBrought: false, cvmfsRepos: [] },
    ...{ cvmfsProxy: null, cvmfsQuotaMB: 4000, cvmfsCache: null, cvmfsLogs: null },
    ...changes,
  });

describe("what is said of jobs' own containers", () => {
  it('is what the image decided, and what only the node can tell', () => {
    expect(words()).toBe(
      'used where Apptainer works inside the pilot, which only the node can tell (user namespaces, /dev/fuse); else the pilot takes only jobs that need none',
    );
  });

  it.each([
    ['none', [], /; images on \/cvmfs cannot be used \(pilot\.cvmfs is none\)$/],
    ['auto', [], /; images on \/cvmfs can be used only where the node has it$/],
    ['none', [{ source: '/cvmfsdata', target: '' }], /cannot be used/],
    ['none', [{ source: '/data', target: ':/cvmfs2' }], /cannot be used/],
  ])('names what /cvmfs is with %s and the binds %j', (cvmfs, binds, said) => {
    expect(words({ cvmfs, binds })).toMatch(said);
  });

  it.each([
    [
      'auto',
      /; images on \/cvmfs as the node has it; where it has none, the pilot brings a\.org, b\.org through the proxies its distribution knows/,
    ],
    [
      'mountrepo',
      /the pilot brings a\.org, b\.org through the proxies its distribution knows by mountrepo; on a node where it cannot, it ends$/,
    ],
  ])('names what the pilot brings with %s', (cvmfs, said) => {
    expect(words({ cvmfs, cvmfsBrought: true, cvmfsRepos: ['a.org', 'b.org'] })).toMatch(said);
  });

  it.each([
    [{ source: '/cvmfs', target: '' }],
    [{ source: '/cvmfs/oasis.opensciencegrid.org', target: '' }],
    [{ source: '$HOME/cvmfs', target: ':/cvmfs:ro' }],
  ])('does not speak of /cvmfs where the profile binds it: %j', (bind) => {
    expect(words({ cvmfs: 'none', binds: [bind] })).toBe(words());
  });

  it('says that jobs see each other where PID namespaces are off, and why', () => {
    expect(words({ disablePidNamespaces: true })).toMatch(/processes \(PID namespaces are off\)$/);
    expect(words({ disablePidNamespaces: true, gpus: true })).toMatch(/ \(PID namespaces are off, as GPUs need it\)$/);
    expect(words({ gpus: true })).toBe(words());
  });
});
