import { describe, inject, it } from 'vitest';

/** A user of the test cluster: made by the set-up, deleted by its end. */
export interface TestUser {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
  /** Owned by root; the public half is in the user's `authorized_keys`. */
  privateKeyFile: string;
}

/** One running sshd on loopback. */
export interface TestSshd {
  host: string;
  port: number;
  configFile: string;
  hostKeyFile: string;
  /** `ssh-ed25519 AAAA…`, as `known_hosts` has it after the host. */
  hostPublicKey: string;
  logFile: string;
  pidFile: string;
}

/** The real software that runs while the tests of a line run. Plain JSON: it travels to the test processes. */
export interface Cluster {
  /** Everything the set-up wrote is below it. */
  prefix: string;
  slurmConf: string;
  controllerPidFile: string;
  /** As the scheduler names them; `nodeCores` cores each. */
  nodes: readonly string[];
  nodeCores: number;
  /** `exclusive` gives whole nodes whatever was asked for and is the default. */
  partitions: { shared: string; exclusive: string };
  sshd: TestSshd;
  /** By the name of what is special about their login shell; `ada` has bash and is the usual one. */
  users: { ada: TestUser; dash: TestUser; tcsh: TestUser; fish: TestUser };
  /** Knows the hosts `campus` (ada), `campus-dash`, `campus-tcsh` and `campus-fish`. */
  sshConfigFile: string;
  knownHostsFile: string;
  /** Holds an `ssh` that reads `sshConfigFile`; to be put first on PATH. */
  clientPathDir: string;
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** null where the set-up could not run the real software; it said why. */
    cluster: Cluster | null;
  }
}

/** The running cluster; null where there is none and its tests must skip themselves. */
export function cluster(): Cluster | null {
  return inject('cluster');
}

/** A `describe` whose tests need the cluster. Without one they show up as skipped and `body` is never called. */
export function describeOnCluster(name: string, body: (cluster: Cluster) => void): void {
  const running = cluster();
  if (running === null) describe.skip(name, () => it('needs the real software, which did not start here', () => {}));
  else describe(name, () => body(running));
}
