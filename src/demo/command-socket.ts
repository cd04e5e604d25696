import { createServer, type Server, type Socket } from 'node:net';
import type { Answer, CommandCall } from './scheduler-command.ts';

/**
 * Where the scheduler's programs, which are processes of their own, find the batch system in this one. A program sends
 * one line of JSON; is told, perhaps, to send its stdin; and gets one line of JSON back.
 */
export interface CommandSocket {
  path: string;
  close(): Promise<void>;
}

export type Answerer = (call: CommandCall) => Promise<Answer | null>;

export async function listenForCommands(path: string, answer: Answerer): Promise<CommandSocket> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {}); // The program was killed.
    void serve(socket, answer);
  });
  await listening(server, path);
  return {
    path,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => resolve());
  });
}

async function serve(socket: Socket, answer: Answerer): Promise<void> {
  const input = new Input(socket);
  const call = await input.line();
  if (call === null) return;
  // Only our own programs know the socket; what they send is written a few lines below.
  const { program, args, environment, directory } = JSON.parse(call) as Omit<CommandCall, 'readStdin'>;
  const readStdin = () => {
    socket.write('stdin\n');
    return input.rest();
  };
  const answered = await answer({ program, args, environment, directory, readStdin });
  if (answered !== null) socket.end(`${JSON.stringify(answered)}\n`);
}

class Input {
  private text = '';
  private ended = false;
  private wake: () => void = () => {};

  constructor(socket: Socket) {
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.text += chunk;
      this.wake();
    });
    socket.on('end', () => this.end());
    socket.on('close', () => this.end());
  }

  /** null: it ended before there was one. */
  async line(): Promise<string | null> {
    while (!this.text.includes('\n') && !this.ended) await this.more();
    const at = this.text.indexOf('\n');
    if (at < 0) return null;
    const line = this.text.slice(0, at);
    this.text = this.text.slice(at + 1);
    return line;
  }

  async rest(): Promise<string> {
    while (!this.ended) await this.more();
    return this.text;
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private end(): void {
    this.ended = true;
    this.wake();
  }
}

/** The program: CommonJS for any Node, started as `node FILE SOCKET PROGRAM ARG…`. */
export const commandClient = `const { connect } = require('node:net');
const [path, program, ...args] = process.argv.slice(2);
const socket = connect({ path, allowHalfOpen: true });
const fail = () => {
  process.stderr.write(program + ': error: the stand-in batch system does not run any more\\n');
  process.exitCode = 1;
};
let text = '';
let answered = false;
socket.setEncoding('utf8');
socket.on('error', fail);
socket.on('connect', () => {
  socket.write(JSON.stringify({ program, args, environment: process.env, directory: process.cwd() }) + '\\n');
});
socket.on('data', (chunk) => {
  text += chunk;
  if (text.startsWith('stdin\\n')) {
    text = text.slice(6);
    process.stdin.pipe(socket);
    return;
  }
  if (answered || !text.endsWith('\\n')) return;
  answered = true;
  const answer = JSON.parse(text);
  process.stdout.write(answer.stdout);
  process.stderr.write(answer.stderr);
  process.exitCode = answer.code;
  process.stdin.unref?.();
  socket.destroy();
});
socket.on('close', () => { if (!answered && process.exitCode === undefined) fail(); });
`;
