import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { JobBed } from './job-bed.ts';

/** A node on which CVMFS can be brought, and a distribution as `makedist` leaves it, both made of stand-ins. */
export interface CvmfsNode {
  /** The distribution: a directory, a tar of it, a tar with one directory around it, and a self-extracting file. */
  readonly forms: Readonly<Record<'directory' | 'tar' | 'tarOfDirectory' | 'selfExtracting', string>>;
  /** What is mounted on the node, a line a mount. */
  readonly mounts: string;
  /** What the stand-ins need in a job's environment. */
  readonly env: { readonly [name: string]: string };
}

/** Puts the stand-ins of `stand-in-cvmfs/` into a bed. */
export async function makeCvmfsNode(bed: JobBed): Promise<CvmfsNode> {
  const at = (name: string) => join(bed.root, name);
  const standIn = (name: string, to: string) => {
    copyFileSync(fileURLToPath(new URL(`./stand-in-cvmfs/${name}`, import.meta.url)), to);
    chmodSync(to, 0o755);
  };
  for (const name of ['uname', 'unshare', 'fusermount']) standIn(name, at(`bin/${name}`));
  await bed.giveDevice('/dev/fuse');
  chmodSync(at('devices/dev/fuse'), 0o666);
  mkdirSync(at('devices/bin'));
  symlinkSync(at('bin/fusermount'), at('devices/bin/fusermount'));
  mkdirSync(at('devices/proc/self'), { recursive: true });
  writeFileSync(at('devices/proc/self/mounts'), 'proc /proc proc rw 0 0\n');
  for (const name of ['devices/proc/self', 'devices/proc/self/mounts']) chmodSync(at(name), 0o777);
  mkdirSync(at('around/cvmfsexec-4.51'), { recursive: true });
  const directory = at('around/cvmfsexec-4.51');
  for (const name of ['cvmfsexec', 'mountrepo', 'umountrepo', 'singcvmfs', 'cvmfs2-wrapper'])
    standIn(name, join(directory, name));
  writeTree(directory);
  const tar = (file: string, from: string, what: string) => execFileSync('tar', ['-cf', file, '-C', from, what]);
  tar(at('dist.tar'), directory, '.');
  tar(at('around.tar'), at('around'), 'cvmfsexec-4.51');
  writeSelfExtracting(at('cvmfsexec.sh'), directory);
  const forms = {
    ...{ directory, tar: at('dist.tar'), tarOfDirectory: at('around.tar'), selfExtracting: at('cvmfsexec.sh') },
  };
  const mounts = at('devices/proc/self/mounts');
  return { forms, mounts, env: { STAND_IN_MOUNTS: mounts, STAND_IN_BUSY: at('busy') } };
}

function writeTree(directory: string): void {
  const files = {
    'dist/.cvmfsexecdist': 'disttype: standard\nmachtype: rhel9-x86_64\n',
    'dist/etc/cvmfs/default.conf': 'CVMFS_KEYS_DIR=/etc/cvmfs/keys\n',
    'dist/etc/cvmfs/default.d/60-osg.conf': 'CVMFS_CONFIG_REPOSITORY=config-osg.opensciencegrid.org\n',
    // No newline at its end: an editor may leave it so.
    'dist/etc/cvmfs/default.local': 'CVMFS_QUOTA_LIMIT=77\nCVMFS_MAX_RETRIES=3\nCVMFS_HTTP_PROXY="auto;DIRECT"',
    'dist/usr/bin/cvmfs2': '',
    'dist/usr/lib64/libcvmfs_fuse3.so': '',
    'dist/var/lib/cvmfs/shared/old-cache': 'x'.repeat(5_000_000),
    'dist/var/run/cvmfs/.keep': '',
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(directory, name, '..'), { recursive: true });
    writeFileSync(join(directory, name), text);
  }
}

/** As `makedist -o` writes it: a shell program with a packed tar behind a marker. It says so when somebody runs it. */
function writeSelfExtracting(file: string, directory: string): void {
  const packed = execFileSync('tar', ['-czf', '-', '-C', directory, 'cvmfsexec', 'mountrepo', 'umountrepo', 'dist']);
  const program = '#!/bin/bash\necho run >"$STAND_IN_REPORT/was-run"\nexit 1\n__TAR_BELOW__\n';
  writeFileSync(file, Buffer.concat([Buffer.from(program), packed]));
}
