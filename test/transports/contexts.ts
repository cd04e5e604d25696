import type { Ask, Context, Event } from '../../src/context.ts';

/** A context that keeps its events and what it was asked. */
export interface RecordingContext extends Context {
  events: Event[];
  questions: { text: string; hidden: boolean }[];
}

/** Without `answers` there is no terminal. With them, each question gets the next one, and null when there is none left. */
export function recordingContext(
  options: { answers?: readonly string[]; ask?: Ask; signal?: AbortSignal } = {},
): RecordingContext {
  const events: Event[] = [];
  const questions: { text: string; hidden: boolean }[] = [];
  const answers = [...(options.answers ?? [])];
  const reply: Ask = options.ask ?? (async () => answers.shift() ?? null);
  const ask: Ask = (question) => {
    questions.push({ text: question.text, hidden: question.hidden });
    return reply(question);
  };
  return {
    signal: options.signal ?? new AbortController().signal,
    now: () => Date.now(),
    emit: (event) => events.push(event),
    ask: options.answers === undefined && options.ask === undefined ? null : ask,
    events,
    questions,
  };
}
