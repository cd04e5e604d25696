import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * All processes of a program that was started as the leader of a session of its own. Its process group is not enough:
 * `timeout` makes one for itself, and shells with job control make many.
 */
export class ProcessTree {
  readonly leader: number;
  // Where sessions cannot be told, a process whose parent is gone is only known from an earlier look.
  private readonly known = new Set<number>();

  constructor(leader: number) {
    this.leader = leader;
    this.known.add(leader);
  }

  /** Those that live now; zombies do not count. */
  living(): number[] {
    const table = processTable();
    const living = new Map(table.map((one) => [one.pid, one]));
    for (let grown = true; grown; ) {
      grown = false;
      for (const one of table) {
        if (this.known.has(one.pid) || !this.holds(one)) continue;
        this.known.add(one.pid);
        grown = true;
      }
    }
    // A number is used again by others after a while: what is not there any more is forgotten.
    for (const pid of this.known) if (!living.has(pid)) this.known.delete(pid);
    return [...this.known];
  }

  /** Sends a signal to every one of them. */
  send(signal: NodeJS.Signals): void {
    for (const pid of this.living()) sendTo(pid, signal);
  }

  /** Kills until none is left, for at most this long. */
  async end(milliseconds = 3000): Promise<void> {
    for (const deadline = Date.now() + milliseconds; Date.now() < deadline; ) {
      const living = this.living();
      if (living.length === 0) return;
      for (const pid of living) sendTo(pid, 'SIGKILL');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  private holds({ pid, parent, group, session }: ProcessEntry): boolean {
    if (session !== null) return session === this.leader;
    return pid === this.leader || group === this.leader || this.known.has(parent);
  }
}

interface ProcessEntry {
  pid: number;
  parent: number;
  group: number;
  /** null: this system does not tell. */
  session: number | null;
}

function processTable(): ProcessEntry[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

function fromProc(): ProcessEntry[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const [state, ...numbers] = statOf(name);
      const [parent, group, session] = numbers.map(Number);
      if (state === undefined || state === 'Z' || state === 'X') return [];
      return [{ pid: Number(name), parent: parent ?? 0, group: group ?? 0, session: session ?? 0 }];
    });
}

/** State, parent, group, session. The program's name before them may hold blanks and parentheses. */
function statOf(pid: string): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .slice(0, 4);
  } catch {
    return []; // It ended just now.
  }
}

function fromPs(): ProcessEntry[] {
  const text = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,pgid=,stat='], { encoding: 'utf8' });
  return text.split('\n').flatMap((line) => {
    const [pid, parent, group, state] = line.trim().split(/\s+/);
    if (pid === undefined || state === undefined || state.startsWith('Z')) return [];
    return [{ pid: Number(pid), parent: Number(parent), group: Number(group), session: null }];
  });
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended just now.
  }
}
