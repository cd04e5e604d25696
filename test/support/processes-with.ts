import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** The command lines of all processes that hold this text, in their arguments or, where that can be read, environment. */
export function processesWith(text: string): string[] {
  if (!existsSync('/proc/self/stat')) {
    const all = execFileSync('ps', ['-A', '-ww', '-o', 'args='], { encoding: 'utf8' });
    return all.split('\n').filter((line) => line.includes(text));
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => ({ arguments_: fileOf(pid, 'cmdline'), environment: fileOf(pid, 'environ') }))
    .filter(({ arguments_, environment }) => arguments_.includes(text) || environment.includes(text))
    .map(({ arguments_ }) => arguments_.replaceAll('\0', ' '));
}

function fileOf(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // It ended just now, or is somebody else's.
  }
}
