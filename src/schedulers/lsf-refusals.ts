import { answerOf } from './lsf-text.ts';
import type { Output, SubmitOutcome } from './scheduler.ts';

/** What bsub's answer means. Its exit status is 255 for everything, so its words decide. */

const submitted = /Job <(\d+)> is submitted to (?:default )?queue <[^<>\n]+>/g;

// The request may have reached the batch system when these were said.
const outcomeUnknown =
  /Communication time ?out|Failed in sending\/receiving a message|System call failed|A socket operation has failed|Batch protocol error|XDR encode|Server is not connected|End of file|internal error|Batch library|Bad event format|Unknown batch system error/i;

const laterAgain =
  /LIM is down|[Mm]aster LIM|Timeout on connect call|Connection refused by server|connect sys call failed|Batch daemon cannot fork|concurrent query limit|Unknown cluster name or cluster master|Queue has been closed|queue windows are closed|Cannot allocate memory|Cannot connect to LSF|LSF is down|still trying/i;

const tooMany =
  /Pending job threshold reached|does? not have enough (?:per-\w+ )?job slots|has reached its job limit|No job Id can be used now|exceed.*(?:pending|MAX_PEND)|pending job limit/i;

export function parseSubmit(output: Output): SubmitOutcome {
  const everything = `${output.stderr}\n${output.stdout}`;
  const id = [...everything.matchAll(submitted)].at(-1)?.[1];
  if (id !== undefined) return { kind: 'accepted', id };
  const text = everything.trim();
  // 124: our time limit; 129 to 192: a signal.
  const ended = output.code === 124 || (output.code > 128 && output.code <= 192);
  if (ended || output.code === 0 || outcomeUnknown.test(text)) return inDoubt(text, output);
  return refusal(text, output);
}

function inDoubt(text: string, { code }: Output): SubmitOutcome {
  const silence = code === 124 ? 'no answer within the time limit' : '';
  return { kind: 'inDoubt', text: text === '' ? silence : text };
}

// bsub says so itself when it submitted nothing; without that word only a client that never got as far is sure.
const notSubmitted = /Job not submitted|command not found|: not found$|No such file or directory$|Permission denied$/m;

function refusal(text: string, output: Output): SubmitOutcome {
  if (!notSubmitted.test(text)) return inDoubt(text, output);
  const said = answerOf(text.split('\n')).join('\n') || text;
  if (tooMany.test(text)) return { kind: 'refused', refusal: 'capacity', text };
  return { kind: 'refused', refusal: laterAgain.test(said) ? 'transient' : 'permanent', text };
}
