import type { Context } from '../context.ts';

/** The same context, whose warnings are told elsewhere, or were told before. */
export function hearing(context: Context, warnings: string[]): Context {
  const emit: Context['emit'] = (event) =>
    event.kind === 'warning' ? void warnings.push(event.text) : context.emit(event);
  return { ...context, emit };
}
