import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeProgram } from './programs.ts';
import { type SpokenKind, spokenSchedulers } from './spoken-schedulers.ts';
import { loginUser } from './stand-in.ts';

/** The other side of the connection: the home of one who uses a cluster, with a key, a token and a profile. */
export interface Desk {
  home: string;
  /** The whole environment of a program that is called there. */
  environment: NodeJS.ProcessEnv;
  /** The profile, as it stands in `campus.json`. */
  profile: string;
}

export interface DeskPlan {
  /** Is made. */
  home: string;
  port: number;
  hostKey: string;
  clientKey: string;
  target: number;
  /** The site's batch system. Slurm when absent. */
  kind?: SpokenKind;
  /** How many cores a node has. */
  coresPerNode?: number;
}

export const siteName = 'campus';
const loginHost = 'login.campus';

/** Makes it. Nothing of the real user's SSH configuration, keys, agent, profiles or history is in reach from there. */
export function setUpDesk(plan: DeskPlan): Desk {
  const { home, port } = plan;
  const [ssh, programs] = [join(home, '.ssh'), join(home, 'bin')];
  for (const directory of [home, ssh, programs]) mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(ssh, 'known_hosts'), `[127.0.0.1]:${port} ${plan.hostKey}\n`, { mode: 0o600 });
  writeFileSync(join(ssh, 'id_demo'), plan.clientKey, { mode: 0o600 });
  writeFileSync(join(home, 'campus.token'), `${madeUpToken()}\n`, { mode: 0o600 });
  writeProgram(programs, 'ssh', sshStandIn(ssh, port));
  writeProgram(programs, 'ssh-keygen', keygenStandIn);
  const profile = profileText(plan);
  writeFileSync(join(home, 'campus.json'), profile);
  const configDir = join(home, '.config', 'glidein');
  mkdirSync(configDir, { recursive: true, mode: 0o700 });
  const environment = {
    PATH: `${programs}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    GLIDEIN_CONFIG_DIR: configDir,
    LANG: process.env['LANG'] ?? 'C.UTF-8',
    NO_COLOR: '1',
  };
  return { home, environment, profile };
}

function profileText({ target, kind = 'slurm', coresPerNode = 16 }: DeskPlan): string {
  const { title, countsCores } = spokenSchedulers[kind];
  const cores = countsCores ? `, "cores": ${coresPerNode}` : '';
  return `{
  "name": "${siteName}",
  "target": ${target},
  "connection": { "host": "${loginHost}" },
  "scheduler": { "kind": "${kind}", "walltime": "12:00:00", "queue": "compute"${cores} },
  "pilot": {
    "site": "Example-Campus",
    "resource": "Example-Campus-${title}",
    "owners": ["ada@ap.example.org"],
    "token": "~/campus.token"
  },
  "image": { "remotePath": "~/ospool-ep.sif" }
}
`;
}

/** Has the form of a pool's token, and no pool would take it. */
function madeUpToken(): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: 'pool.example.org', sub: 'pilots@pool.example.org', iat: now, exp: now + 90 * 86_400 };
  return `${part({ alg: 'HS256', kid: 'POOL' })}.${part(claims)}.${Buffer.from('made up for a demo').toString('base64url')}`;
}

// What ~/.ssh/config would say; and as there is no such line, there are no agent, no jump and no other key.
function sshStandIn(directory: string, port: number): string {
  return `#!/bin/sh
[ "$1" = -G ] || { echo 'ssh: this one only answers -G' >&2; exit 255; }
cat <<'END'
host ${loginHost}
hostname 127.0.0.1
port ${port}
user ${loginUser}
identityfile ${join(directory, 'id_demo')}
identitiesonly yes
identityagent none
stricthostkeychecking true
userknownhostsfile ${join(directory, 'known_hosts')}
END
`;
}

/** `ssh-keygen -F NAME -f FILE`. */
const keygenStandIn = `#!/bin/sh
[ "$1" = -F ] && [ "$3" = -f ] || { echo 'ssh-keygen: this one only answers -F NAME -f FILE' >&2; exit 255; }
found=1
line=0
while read -r name rest; do
line=$((line + 1))
if [ "$name" = "$2" ]; then
echo "# Host $2 found: line $line"
echo "$name $rest"
found=0
fi
done < "$4"
exit $found
`;
