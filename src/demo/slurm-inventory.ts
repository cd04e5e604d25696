import { type OptionTable, parseOptions } from './command-options.ts';
import { type Answer, type CommandCall, type CommandGround, refused, said } from './scheduler-command.ts';
import { duration } from './slurm-times.ts';

/** What the cluster is: `sinfo`, `scontrol show partition`, `scontrol show config`. */

const table: OptionTable = {
  noheader: { short: 'h', takes: 'nothing' },
  all: { short: 'a', takes: 'nothing' },
  exact: { short: 'e', takes: 'nothing' },
  summarize: { short: 's', takes: 'nothing' },
  format: { short: 'o', takes: 'value' },
  partition: { short: 'p', takes: 'value' },
};

/** `sinfo`: one line a queue. */
export function showNodes(call: CommandCall, { system }: CommandGround): Answer {
  const { options, mistake } = parseOptions(call.args, table);
  if (mistake !== null) return refused(`sinfo: unrecognized option '${mistake}'`);
  const format = options.get('format') ?? '%P %a %l %D %N';
  const { cluster } = system;
  const rows = cluster.queues.map((queue, at) =>
    filled(format, {
      P: at === 0 ? `${queue.name}*` : queue.name,
      R: queue.name,
      a: 'up',
      l: duration(queue.maxWalltimeSeconds),
      D: String(cluster.nodes.length),
      c: String(cluster.coresPerNode),
      m: String(cluster.memoryMBPerNode),
      f: '(null)',
      G: '(null)',
      h: 'EXCLUSIVE',
      N: cluster.nodes.join(','),
    }),
  );
  const header = filled(format, {
    P: 'PARTITION',
    R: 'PARTITION',
    a: 'AVAIL',
    l: 'TIMELIMIT',
    D: 'NODES',
    N: 'NODELIST',
  });
  return said(`${[...(options.has('noheader') ? [] : [header]), ...rows].join('\n')}\n`);
}

function filled(format: string, values: Readonly<Record<string, string>>): string {
  return format.replaceAll(/%\.?\d*([A-Za-z])/g, (_whole, letter: string) => values[letter] ?? '');
}

/** `scontrol show partition --oneliner`. */
export function showPartitions({ system }: CommandGround): Answer {
  const { cluster } = system;
  const lines = cluster.queues.map((queue, at) => {
    const total = cluster.nodes.length;
    const values = {
      PartitionName: queue.name,
      AllowGroups: 'ALL',
      AllowAccounts: 'ALL',
      Default: at === 0 ? 'YES' : 'NO',
      Hidden: 'NO',
      MaxNodes: 'UNLIMITED',
      MaxTime: duration(queue.maxWalltimeSeconds),
      MinNodes: '0',
      Nodes: cluster.nodes.join(','),
      RootOnly: 'NO',
      OverSubscribe: 'EXCLUSIVE',
      PreemptMode: 'OFF',
      State: 'UP',
      TotalCPUs: String(total * cluster.coresPerNode),
      TotalNodes: String(total),
    };
    return Object.entries(values)
      .map(([name, value]) => `${name}=${value}`)
      .join(' ');
  });
  return said(`${lines.join('\n')}\n`);
}

/** `scontrol show config`, the few lines of it that matter. */
export function showConfig({ system, hasAccounting }: CommandGround): Answer {
  const settings = {
    AccountingStorageEnforce: 'none',
    AccountingStorageType: hasAccounting ? 'accounting_storage/slurmdbd' : 'accounting_storage/none',
    ClusterName: system.cluster.name,
    MaxArraySize: String(system.cluster.maxArraySize),
    MaxJobCount: '10000',
    MinJobAge: '300 sec',
    SLURM_VERSION: '22.05.8',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name.padEnd(23)} = ${value}`);
  return said(`${lines.join('\n')}\n`);
}
