import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Ask } from '../context.ts';

/** A way to ask the person at the terminal, or null where there is none. Questions go to stderr: stdout is for results. */
export function terminalAsk(signal: AbortSignal): Ask | null {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
  // Of sites side by side each has its questions; the person answers one at a time.
  let last: Promise<unknown> = Promise.resolve();
  return ({ text, hidden, until, otherwise = null }) => {
    const over = until === undefined ? signal : AbortSignal.any([signal, until]);
    const answer = last
      .then(() => (over.aborted ? null : askOnce(text, hidden, over)))
      .then((typed) => (typed === '' ? otherwise : typed));
    last = answer;
    return answer;
  };
}

function askOnce(text: string, hidden: boolean, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
    const output = hidden ? silent : process.stderr;
    if (hidden) process.stderr.write(`${text} `);
    const lines = createInterface({ input: process.stdin, output, terminal: true });
    let answered = false;
    const finish = (answer: string | null) => {
      // Closing the reader says `close` at once, which is not a second answer.
      if (answered) return;
      answered = true;
      signal.removeEventListener('abort', interrupted);
      lines.close();
      // What is said next has a line of its own.
      if (hidden || answer === null) process.stderr.write('\n');
      resolve(answer);
    };
    const interrupted = () => finish(null);
    signal.addEventListener('abort', interrupted, { once: true });
    // In raw mode ctrl-C is a key, not a signal: hand it on.
    lines.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
    lines.once('close', () => finish(null));
    lines.question(hidden ? '' : `${text} `, finish);
  });
}
