import { stat } from 'node:fs/promises';
import { connect } from 'node:net';

/** A live master connection of the system's `ssh`. */
export interface Master {
  /** Its process. */
  pid: number;
  /** When its socket was made: seconds since the epoch. */
  sinceSeconds: number;
}

/** What a control socket has to say: nobody is there, somebody who does not answer, or a master. */
export type SocketState = { kind: 'none' } | { kind: 'dead' } | { kind: 'silent' } | { kind: 'live'; master: Master };

// OpenSSH's PROTOCOL.mux, version 4 (5.4 and later): packets of a length and 32-bit words.
const version = 4;
const hello = 0x00000001;
const aliveCheck = 0x10000004;
const alive = 0x80000005;
const terminate = 0x10000005;

/** A master answers from memory; one that has not for this long is stopped. */
const patienceMilliseconds = 2000;

/** Whether a master answers at this control socket: what `ssh -O check` asks, without the process. */
export async function socketState(path: string): Promise<SocketState> {
  const facts = await stat(path).catch(() => null);
  if (facts === null) return { kind: 'none' };
  const answer = await ask(path, aliveCheck);
  if (typeof answer === 'string') return { kind: answer };
  const [type, , pid] = answer;
  if (type !== alive || pid === undefined) return { kind: 'silent' };
  return { kind: 'live', master: { pid, sinceSeconds: Math.floor(facts.mtimeMs / 1000) } };
}

/** The master at this socket; null where there is none that answers. */
export async function liveMaster(path: string): Promise<Master | null> {
  const state = await socketState(path);
  return state.kind === 'live' ? state.master : null;
}

/** Has the master end its connection at once: what `ssh -O exit` does. False: there was none. */
export async function endMaster(path: string): Promise<boolean> {
  return typeof (await ask(path, terminate)) !== 'string';
}

/** One question; the words of its answer, or why there is none. */
function ask(path: string, question: number): Promise<readonly number[] | 'none' | 'dead' | 'silent'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (answer: readonly number[] | 'none' | 'dead' | 'silent') => {
      clearTimeout(late);
      socket.destroy();
      resolve(answer);
    };
    const late = setTimeout(() => settle('silent'), patienceMilliseconds);
    let held = Buffer.alloc(0);
    socket.on('connect', () => socket.write(Buffer.concat([packet(hello, version), packet(question, 0)])));
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      const answer = packets(held).find(([type]) => type !== hello);
      if (answer !== undefined) settle(answer);
    });
    // A master that is told to end may do so before its answer is sent.
    socket.on('close', () => settle(question === terminate ? [] : 'silent'));
    socket.on('error', (error: NodeJS.ErrnoException) => settle(stateOf(error)));
  });
}

function stateOf({ code }: NodeJS.ErrnoException): 'none' | 'dead' | 'silent' {
  if (code === 'ENOENT') return 'none';
  return code === 'ECONNREFUSED' ? 'dead' : 'silent';
}

function packet(...words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 + words.length * 4);
  bytes.writeUInt32BE(words.length * 4, 0);
  for (const [at, word] of words.entries()) bytes.writeUInt32BE(word, 4 + at * 4);
  return bytes;
}

/** The whole packets in `bytes`, as 32-bit words. */
function packets(bytes: Buffer): number[][] {
  const found: number[][] = [];
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUInt32BE(at);
    if (end > bytes.length) break;
    const words: number[] = [];
    for (let word = at + 4; word + 4 <= end; word += 4) words.push(bytes.readUInt32BE(word));
    found.push(words);
    at = end;
  }
  return found;
}
