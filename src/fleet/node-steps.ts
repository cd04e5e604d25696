import type { Profile } from '../config/schema.ts';
import { longestTrialSeconds, type NodeFact } from '../login/node-facts.ts';
import { broken, type CheckStep, fine, later, type Verdict, wrong } from './check-steps.ts';
import { inTime, longestWaitSeconds } from './job-wait.ts';
import { judgedNode } from './node-judgement.ts';
import { endingWords, type ShortJobEnd } from './short-job-run.ts';
import type { SiteImage } from './site-image.ts';

/** What came of the job that tried out a node, as the steps of `check`. Pure. */

/** What the job has answered. */
export interface NodeAnswer {
  facts: ReadonlyMap<string, NodeFact>;
  /** When it was read, in seconds since the epoch by the login host's clock. */
  readAtSeconds: number | null;
}

/** The step `node`: whether a job got to a node, and answered. */
export function nodeStep(verdict: Verdict, seconds: number | null = null): CheckStep {
  return { step: 'node', seconds, ...verdict };
}

/** What was tried. */
export interface Tried {
  profile: Profile;
  image: SiteImage;
  /** The longest that the job was to wait for its node. */
  waitSeconds: number;
}

/** The node's steps, in no order. */
export function stepsOf(end: ShortJobEnd<NodeAnswer>, tried: Tried): CheckStep[] {
  if (end.kind === 'failed') return [nodeStep(broken(end.failure))];
  const step = nodeStep(withEnding(verdictOn(end, tried), endingWords(end)), end.seconds);
  return end.kind === 'answered' ? [step, ...judgedNode({ ...tried, ...end.value })] : [step];
}

type JobEnd = Exclude<ShortJobEnd<NodeAnswer>, { kind: 'failed' }>;

function verdictOn(end: JobEnd, { profile: { name: site, connection }, waitSeconds }: Tried): Verdict {
  const { job } = end;
  const where = end.node === null ? '' : ` on ${end.node}`;
  switch (end.kind) {
    case 'answered':
      return fine(`the job ${job} ran on ${end.value.facts.get('node')?.said ?? 'a node'}`);
    case 'unseen':
      return later(
        `the scheduler did not say whether it took the job, and does not list it: ${end.said}`,
        `glidein check ${site} --node   (later; should the job turn up, that ends it)`,
      );
    case 'mute':
      return wrong(
        `the job ${job} ended${where} without an answer in ${connection.jobDir}, which may not be on the nodes${end.words === '' ? '' : `: ${end.words}`}`,
        `glidein site set ${site} connection.jobDir=/a/directory/that/nodes/write`,
      );
    case 'not started':
      return later(
        `the job ${job} did not start within ${inTime(waitSeconds)}: it ${end.standing}`,
        `glidein check ${site} --node --wait ${inTime(Math.min(waitSeconds * 6, longestWaitSeconds))}   (or when the queue is shorter)`,
      );
    case 'not ended':
      return later(
        `the job ${job} runs${where} and gave no answer in ${inTime(longestTrialSeconds)}`,
        `glidein check ${site} --node   (perhaps on another node)`,
      );
  }
}

/** What became of the job is told with the step that is about it. */
function withEnding(verdict: Verdict, words: string): Verdict {
  if ('failure' in verdict.said) return verdict;
  return { ...verdict, said: { ...verdict.said, message: `${verdict.said.message}${words}` } };
}
