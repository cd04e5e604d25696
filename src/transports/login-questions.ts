import type { Ask } from '../context.ts';
import type { ConnectLimit } from './connect-limit.ts';

/** What a server asks of a person while somebody logs in. */

/** One question of a server; without `echo` the answer must not be seen. */
export interface ServerPrompt {
  prompt: string;
  echo?: boolean;
}

/** What stands above the questions of one round; both may be empty. */
export interface ServerHeading {
  name: string;
  instructions: string;
}

/**
 * After an answer the server may have to wait for another device: the login grace time of OpenSSH, which is how long it
 * waits itself.
 */
const afterAnswerSeconds = 120;

/**
 * Asks the person what the server asks, one question after the other; the time does not count. null: the person gave no
 * answer, and none is to be sent. What was answered is given on and kept nowhere.
 */
export async function askPerson(
  prompts: readonly ServerPrompt[],
  heading: ServerHeading,
  { ask, asker, limit }: { ask: Ask; asker: string; limit: ConnectLimit },
): Promise<string[] | null> {
  const above = [heading.name, heading.instructions]
    .map((text) => printable(text).trim())
    .filter((text) => text !== '');
  const answers: string[] = [];
  for (const [at, { prompt, echo }] of prompts.entries()) {
    const words = printable(prompt).trim();
    const text = [...(at === 0 ? above : []), `(${asker}) ${words === '' ? 'Answer:' : words}`].join('\n');
    const answer = await limit.person(() => ask({ text, hidden: echo !== true }));
    if (limit.signal.aborted) return null;
    // Where the answer can be seen, a mere Enter is one too ("press Enter to go on").
    if (answer === null && echo !== true) return null;
    answers.push(answer ?? '');
  }
  limit.allow(afterAnswerSeconds);
  return answers;
}

/** A server's words for a terminal: nothing in them may steer it. */
function printable(text: string): string {
  return text
    .slice(0, 2000)
    .replaceAll('\r\n', '\n')
    .replaceAll(/[^\P{Cc}\n\t]|\p{Cf}/gu, '');
}
