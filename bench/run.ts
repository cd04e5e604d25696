import { parseArgs } from 'node:util';
import { poolObstacle } from '../test/support/real-pool.ts';
import { obstacle, onCluster } from './cluster.ts';
import { imageUpload } from './image-upload.ts';
import { largeCluster, largeStatus } from './large-status.ts';
import { manyPilots } from './many-pilots.ts';
import { manySites } from './many-sites.ts';
import { noOpPass } from './no-op-pass.ts';
import { pilotInPool } from './pilot-in-pool.ts';
import { builtProgram } from './program.ts';
import { say } from './report.ts';
import { startUp } from './start-up.ts';

/** `node --import ./bench/run-typescript.js bench/run.ts [--rounds N] [--program FILE] [--near MIB] [--far MIB] [NAME…]`; see README.md. */

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    program: { type: 'string', default: builtProgram },
    near: { type: 'string', default: '1024' },
    far: { type: 'string', default: '256' },
  },
  allowPositionals: true,
});
const rounds = Number(values.rounds);
const { program } = values;
const chosen = (name: string): boolean => positionals.length === 0 || positionals.includes(name);

if (chosen('start-up')) await startUp(program, rounds);

const why = obstacle();
if (why !== null) {
  say(`NOT MEASURED: everything on real OpenSSH and Slurm, because ${why}`);
} else {
  if (chosen('no-op-pass')) await onCluster({}, (cluster) => noOpPass(cluster, program, rounds));
  if (chosen('many-pilots')) await onCluster({}, (cluster) => manyPilots(cluster, program, rounds));
  if (chosen('many-sites')) await onCluster({}, (cluster) => manySites(cluster, program, rounds));
  if (chosen('large-status')) await onCluster(largeCluster, (cluster) => largeStatus(cluster, program, rounds));
  if (chosen('image-upload')) {
    const size = { near: Number(values.near), far: Number(values.far) };
    await onCluster({}, (cluster) => imageUpload(cluster, program, rounds, size));
  }
  if (chosen('pilot-in-pool')) {
    const noPool = poolObstacle();
    if (noPool === null) await onCluster({}, (cluster) => pilotInPool(cluster, program, rounds));
    else say(`NOT MEASURED: until a pilot is in a real pool, because ${noPool}`);
  }
}
