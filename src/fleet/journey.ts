import type { Step } from '../context.ts';
import type { Failure } from '../failure.ts';
import type { Choice } from '../transports/choice.ts';
import { broken, type CheckStep, fine, needless, type StepName, untried, type Verdict } from './check-steps.ts';

/** The way to a login host, told apart into steps as far as the one connection that was made tells them apart. Pure. */

export interface Journey {
  /** null: it could not be chosen. */
  choice: Pick<Choice, 'chosen' | 'why'> | null;
  /** When steps of it began, in milliseconds since the epoch. */
  began: Partial<Readonly<Record<Step, number>>>;
  /** When a shell answered; null: none did. */
  answeredAt: number | null;
  /** It goes over a connection that was open before. */
  wasOpen: boolean;
  target: string | null;
  failure: Failure | null;
}

const wayThere = ['transport', 'name', 'port', 'host-key', 'login'] as const;

/** From the transport to the login. Whether a shell answered is the next step's. */
export function journeySteps(journey: Journey): CheckStep[] {
  const { failure } = journey;
  const at = failure === null ? null : failedStep(failure);
  const stop = at === null ? wayThere.length : (wayThere as readonly StepName[]).indexOf(at);
  return wayThere.map((step, place) => {
    const seconds = secondsOf(step, journey);
    if (place === stop && failure !== null) return { step, seconds, ...broken(failure) };
    // Beyond the failure, or not tried because of what was remembered of earlier tries. A shell that failed is after all of them.
    const tried = stop < 0 || place < stop;
    const verdict = tried ? passed(step, journey) : untried;
    return { step, seconds: verdict.state === 'ok' ? seconds : null, ...verdict };
  });
}

function passed(step: (typeof wayThere)[number], journey: Journey): Verdict {
  const { choice, began, wasOpen, target } = journey;
  if (step === 'transport') return choice === null ? untried : fine(`${choice.chosen} (${choice.why})`);
  if (choice?.chosen === 'local') return needless('this machine is the login host');
  if (wasOpen && step !== 'login') return needless('the connection was open before');
  if (began.connect === undefined) return untried;
  const words = {
    name: 'the name resolves',
    port: 'the port answers',
    'host-key': 'the host key is the known one',
    login: `logged in to ${target ?? 'the login host'}`,
  } as const;
  return fine(words[step]);
}

function secondsOf(step: StepName, { began, answeredAt }: Journey): number | null {
  const { connect, handshake, hello } = began;
  if (step === 'port') return secondsBetween(connect, handshake);
  if (step === 'login') return secondsBetween(handshake ?? connect, hello ?? answeredAt ?? undefined);
  return null;
}

/** null where one of them was not, or where the later one came first: a transport may connect by its first command. */
export function secondsBetween(from: number | undefined, to: number | undefined): number | null {
  return from === undefined || to === undefined || to < from ? null : (to - from) / 1000;
}

/** The step of a failure before the session answered. */
export function failedStep(failure: Failure): StepName {
  switch (failure.kind) {
    case 'unreachable':
      return stageSteps[failure.stage];
    case 'host-key-unknown':
    case 'host-key-changed':
      return 'host-key';
    case 'login-host-unusable':
    case 'connection-lost':
    case 'timed-out':
      return 'shell';
    default:
      return 'login';
  }
}

const stageSteps = {
  configuration: 'transport',
  resolve: 'name',
  connect: 'port',
  handshake: 'host-key',
  login: 'login',
  shell: 'shell',
} as const;
