import * as v from 'valibot';

/** What the sections of a profile's schema are made of. Every message goes on after the key's name. */

const longestText = 65_536;

/** Text that a file and a shell can carry: no NUL, no half of a surrogate pair, not without end. */
const textThat = (message: string) =>
  v.pipe(
    v.string(message),
    v.check((value) => !value.includes('\0'), 'must not hold a NUL character: no shell can carry one'),
    v.check((value) => !/\p{Surrogate}/u.test(value), 'must be valid Unicode: it holds half of a surrogate pair'),
    v.maxLength(longestText, `must be at most ${longestText} characters long`),
  );

/** Text on one line, not empty. */
export const lineThat = (message: string) =>
  v.pipe(
    textThat(message),
    v.nonEmpty('must not be empty; leave the key out instead'),
    v.check((value) => !/\p{Cc}/u.test(value), 'must not hold a line break or another control character'),
  );

export const text = textThat('must be text (in quotes)');
export const line = lineThat('must be text (in quotes)');

/** Text on one line that has the form which `message` names. */
export const matching = (pattern: RegExp, message: string) => v.pipe(lineThat(message), v.regex(pattern, message));

/** A path as this program takes it everywhere. Only a leading `~` is expanded, by whoever uses it. */
export const path = matching(/^(?:\/|~$|~\/)/, 'must be a path that starts with / or ~/');

/** A path below which the batch system writes its own output: Slurm expands `%`, and a backslash turns that off (run). */
export const logPath = v.pipe(
  path,
  v.regex(/^[^%\\]*$/, 'must not hold % or a backslash: Slurm expands them in the names of log files'),
);

/** A path on the node: absolute, or below what one variable of the job names. */
export const nodePathPattern = /^(?:\/|\$[A-Za-z_][A-Za-z0-9_]*(?:\/|$))/;

export const nodePath = v.pipe(
  matching(nodePathPattern, 'must be an absolute path, $NAME or $NAME/…; nothing else is expanded'),
  v.regex(/^[^:,]*$/, 'must not hold a colon or a comma: the container runtime splits its paths there'),
);

export const whole = (least: number, most: number) => {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
};

export const choice = <const T extends readonly [string, ...string[]]>(choices: T) =>
  v.picklist(choices, `must be one of ${choices.join(', ')}`);

export const onOff = v.boolean('must be true or false');

export const nullable = <const T extends v.GenericSchema>(schema: T) => v.nullish(schema, null);

export const list = <const T extends v.GenericSchema>(item: T) =>
  v.optional(v.array(item, 'must be a list, such as ["…"]'), []);

export const section = <const T extends v.ObjectEntries>(entries: T) => v.object(entries, 'must be an object');

/** A key that belongs to the profile but changes nothing yet: setting it must not look as if it did. */
export const unused = <const T extends v.GenericSchema>(schema: T, only: v.InferOutput<T> | null) =>
  v.pipe(
    schema,
    v.check((value: v.InferOutput<T>) => value === only, 'has no effect yet in this version; remove it'),
  );
