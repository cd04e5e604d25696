import { chmodSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SidFiles } from './debian-sid.ts';

/** Apptainer as a cluster's nodes have it. */
export interface Apptainer {
  /** What jobs call. */
  program: string;
  /** For images; as root. */
  builder: string;
}

/**
 * Makes Apptainer ready for ordinary users below `prefix`. Where they may not open /dev/fuse, it unpacks each image it runs
 * instead of mounting it, as at sites without FUSE: it is the same inside.
 */
export function realApptainer(sid: SidFiles, prefix: string): Apptainer {
  const builder = join(sid.apptainer, 'usr/bin/apptainer');
  const program = join(prefix, 'apptainer');
  const unpacked = join(prefix, 'unpacked');
  mkdirSync(unpacked);
  chmodSync(unpacked, 0o1777);
  const settings = [`export APPTAINER_TMPDIR=${unpacked}`, ...(fuseIsOpen() ? [] : ['export APPTAINER_UNSQUASH=true'])];
  writeFileSync(program, `#!/bin/sh\n${settings.join('\n')}\nexec ${builder} "$@"\n`);
  chmodSync(program, 0o755);
  return { program, builder };
}

function fuseIsOpen(): boolean {
  return existsSync('/dev/fuse') && (statSync('/dev/fuse').mode & 0o006) === 0o006;
}
