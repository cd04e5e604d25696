import { saidBy } from './failed-words.ts';
import { wasEnded } from './pbs-text.ts';
import type { Output, SubmitOutcome } from './scheduler.ts';

/**
 * What `qsub` of PBS and Torque answers. Its exit status is the server's error number modulo 256, and the two number
 * their errors differently from 15008 on: the words decide.
 */

/** `19.pbs1`, `37[].pbs1`: the last line that is nothing else. */
const idLine = /^(\d+(?:\[\])?\.[A-Za-z0-9_.-]+)$/gm;

/** What the answer comes to. */
export function parseSubmit(output: Output): SubmitOutcome {
  const id = [...output.stdout.matchAll(idLine)].at(-1)?.[1];
  const text = saidBy(output);
  if (output.code === 0) return id === undefined ? { kind: 'inDoubt', text } : { kind: 'accepted', id };
  if (id !== undefined || wasEnded(output) || text === '') return { kind: 'inDoubt', text };
  return refusal(text);
}

const notConnected = /cannot connect to server|could not connect to trqauthd|Could not connect to batch server/i;

const outcomeUnknown =
  /Premature end|End of File|timed? ?out|Connection reset|Broken pipe|Batch protocol error|DIS based Request|System error|server internal error|Communication failure|Error (?:writing|reading) data|Socket close|connection to socket|Error in socket|Failed to save job|submit retries/i;

const laterAgain =
  /Connection refused|No free connections|connection table full|Server shutting down|Invalid credential|Expired credential|munge|pbs_iff|Queue is not enabled|currently not available|too busy|trqauthd|Resource temporarily unavailable|Could not resolve host/i;

const tooMany =
  /would exceed|Maximum number of jobs\b.* already in|Array job exceeds server or queue size limit|exceeds? (?:the )?(?:maximum|max).*(?:jobs|array|queuable)|array.*too large/i;

function refusal(text: string): SubmitOutcome {
  // A connection that never came about carried no job.
  if (notConnected.test(text)) return { kind: 'refused', refusal: 'transient', text };
  if (tooMany.test(text)) return { kind: 'refused', refusal: 'capacity', text };
  if (laterAgain.test(text)) return { kind: 'refused', refusal: 'transient', text };
  if (outcomeUnknown.test(text)) return { kind: 'inDoubt', text };
  return { kind: 'refused', refusal: 'permanent', text };
}
