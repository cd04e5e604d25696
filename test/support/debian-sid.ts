import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { installMissing } from './install.ts';
import { mustRun } from './run-program.ts';

/**
 * Packages of Debian's unstable distribution (sid), for software that the stable one has not: fetched with apt and
 * unpacked below one directory, beside the system and without its package database.
 */
export interface SidFiles {
  /** Is of these versions alone. What is made from nothing but them may be kept in it. */
  directory: string;
  /** A root file system with HTCondor and a shell, as unpacked: no package's own set-up ran. */
  root: string;
  /** Where Apptainer's package is unpacked, apart from the others and made to run on this system. */
  apptainer: string;
}

/** Kept from run to run: these files depend on nothing but Debian. */
const CACHE = '/var/cache/glidein-test';
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Apptainer, HTCondor, and what the scripts of a pilot image call. */
const PACKAGES = ['apptainer', 'condor', 'base-files', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'libc-bin'];
/** Needed by parts of HTCondor that neither a pilot nor a pool of one machine has; more than half of all files. */
const LEFT_OUT = /^(containernetworking|libperl5|perl-modules|libpython3|python3|libjs|libdate-manip)/;
const PAPERS = ['doc', 'man', 'locale'].map((name) => `--exclude=./usr/share/${name}`);
const PROGRAMS = ['usr/bin/apptainer', 'usr/lib/x86_64-linux-gnu/apptainer/bin/starter'];
/** Of this system: what makes Apptainer run here, and what it calls. */
const TOOLS = ['patchelf', 'squashfs-tools', 'squashfuse', 'fuse-overlayfs', 'fuse2fs', 'uidmap'];

/** Fetches and unpacks what is not there yet in the version of today. The caller holds the run lock. */
export async function sidFiles(say: (line: string) => void): Promise<SidFiles> {
  await installMissing(say, TOOLS);
  await mkdir(CACHE, { recursive: true, mode: 0o755 });
  const work = await mkdtemp(join(CACHE, 'work-'));
  try {
    const apt = await privateApt(work);
    const directory = join(CACHE, await versions(apt));
    // Other versions, and what a run that was killed had begun.
    const old = (await readdir(CACHE))
      .map((name) => join(CACHE, name))
      .filter((path) => ![work, directory].includes(path));
    for (const path of old) await rm(path, { recursive: true, force: true });
    if (!existsSync(directory)) await fill(directory, work, apt, say);
    return { directory, root: join(directory, 'root'), apptainer: join(directory, 'apptainer') };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** The environment in which apt knows sid and no installed package, and keeps everything below `work`. */
async function privateApt(work: string): Promise<NodeJS.ProcessEnv> {
  const at = (name: string) => join(work, name);
  for (const name of ['state', 'lists/partial', 'cache/archives/partial']) await mkdir(at(name), { recursive: true });
  await writeFile(at('status'), '');
  await writeFile(at('sources.list'), `deb [signed-by=${KEYRING}] ${await mirror()} sid main\n`);
  const settings = {
    'Dir::State': at('state'),
    'Dir::State::lists': at('lists'),
    'Dir::State::status': at('status'),
    'Dir::Cache': at('cache'),
    'Dir::Etc::sourcelist': at('sources.list'),
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::Etc::preferences': '/dev/null',
    'Dir::Etc::preferencesparts': '/dev/null',
    'APT::Install-Recommends': 'false',
    'APT::Sandbox::User': 'root',
    'Acquire::Languages': 'none',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} "${value}";\n`);
  await writeFile(at('apt.conf'), lines.join(''));
  const env = { ...process.env, APT_CONFIG: at('apt.conf'), LC_ALL: 'C' };
  await mustRun('apt-get', ['update'], { env, seconds: 120 });
  return env;
}

/** Where this machine gets Debian itself from. */
async function mirror(): Promise<string> {
  const ask = () =>
    mustRun('apt-get', ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages', 'Label: Debian']);
  let { stdout } = await ask();
  if (stdout.trim() === '') {
    await mustRun('apt-get', ['update'], { seconds: 120 }); // A machine that never asked does not know its own labels.
    ({ stdout } = await ask());
  }
  const [first = ''] = stdout.trim().split('\n');
  if (first === '') throw new Error('apt of this machine has no source of Debian itself');
  return first;
}

async function versions(apt: NodeJS.ProcessEnv): Promise<string> {
  const { stdout } = await mustRun('apt-cache', ['policy', 'apptainer', 'condor'], { env: apt });
  const found = [...stdout.matchAll(/^(\w+):\n.*\n\s+Candidate: (\d\S*)$/gm)].map(([, name, version]) => [
    name,
    version,
  ]);
  if (found.length !== 2) throw new Error(`apt has no version of Apptainer or HTCondor in sid:\n${stdout}`);
  return found
    .flat()
    .join('-')
    .replaceAll(/[^\w.+~-]/g, '_');
}

async function fill(directory: string, work: string, apt: NodeJS.ProcessEnv, say: (line: string) => void) {
  say(`fetching ${PACKAGES.join(' ')} and what they need of Debian sid into ${directory}`);
  await mustRun('apt-get', ['install', '-y', '--download-only', ...PACKAGES], { env: apt, seconds: 300 });
  const files = join(work, 'files');
  await mkdir(files, { mode: 0o755 });
  await unpack(join(work, 'cache/archives'), files);
  await settleIn(join(files, 'apptainer'), join(directory, 'root/usr/lib/x86_64-linux-gnu'));
  await rename(files, directory); // Whole, or not at all.
}

async function unpack(archives: string, files: string): Promise<void> {
  const root = join(files, 'root');
  // Debian's / is merged into /usr by the one package that owns these links; nothing here runs it.
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', name), { recursive: true });
    await symlink(`usr/${name}`, join(root, name));
  }
  await mkdir(join(files, 'apptainer'));
  const packages = (await readdir(archives)).filter((name) => name.endsWith('.deb') && !LEFT_OUT.test(name));
  for (const name of packages) {
    const into = name.startsWith('apptainer_') ? join(files, 'apptainer') : root;
    const tar = ['tar', '-x', '-C', into, '--keep-directory-symlink', ...PAPERS].join(' ');
    await mustRun('bash', ['-o', 'pipefail', '-c', `dpkg-deb --fsys-tarfile "$1" | ${tar}`, '-', join(archives, name)]);
  }
}

/** sid's programs need a newer C library than this system's. Apptainer looks for its files from where its program lies. */
async function settleIn(apptainer: string, libraries: string): Promise<void> {
  const loader = ['--set-interpreter', `${libraries}/ld-linux-x86-64.so.2`, '--force-rpath', '--set-rpath', libraries];
  for (const program of PROGRAMS) await mustRun('patchelf', [...loader, join(apptainer, program)]);
  for (const name of ['etc', 'var']) {
    await symlink(`../${name}`, join(apptainer, 'usr', name));
    await symlink(`../../${name}`, join(apptainer, 'usr/lib', name));
  }
  await mkdir(join(apptainer, 'var/lib/apptainer/mnt/session'), { recursive: true });
}
