/** The options of a command line, as GNU's getopt takes them apart. */

export interface OptionTable {
  /** By long name, without dashes. */
  readonly [name: string]: { readonly short?: string; readonly takes: 'nothing' | 'value' | 'values' | 'perhaps' };
}

export interface ParsedOptions {
  /**
   * By long name; what takes nothing, or was given nothing, has the empty text. The last one counts; of what takes `values`
   * all of them, with commas in between.
   */
  options: ReadonlyMap<string, string>;
  operands: readonly string[];
  /** What is not understood, as it was typed; null: nothing. */
  mistake: string | null;
}

/** `stopsAtOperand`: what follows the first operand belongs to it. */
export function parseOptions(
  args: readonly string[],
  table: OptionTable,
  { stopsAtOperand = false } = {},
): ParsedOptions {
  const options = new Map<string, string>();
  const operands: string[] = [];
  const rest = [...args];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--' || (stopsAtOperand && !isOption(word))) {
      operands.push(...(word === '--' ? [] : [word]), ...rest);
      break;
    }
    if (!isOption(word)) operands.push(word);
    else if (!takeOption(word, rest, table, options)) return { options, operands, mistake: word };
  }
  return { options, operands, mistake: null };
}

function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

function takeOption(word: string, rest: string[], table: OptionTable, options: Map<string, string>): boolean {
  return word.startsWith('--') ? takeLong(word, rest, table, options) : takeShort(word, rest, table, options);
}

function takeLong(word: string, rest: string[], table: OptionTable, options: Map<string, string>): boolean {
  const [, name = '', given] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(word) ?? [];
  const takes = table[name]?.takes;
  if (takes === undefined || (takes === 'nothing' && given !== undefined)) return false;
  const value = given ?? (takes === 'value' ? rest.shift() : '');
  if (value === undefined) return false;
  options.set(name, value);
  return true;
}

function takeShort(word: string, rest: string[], table: OptionTable, options: Map<string, string>): boolean {
  for (let letters = word.slice(1); letters !== ''; ) {
    const letter = letters[0];
    const found = Object.entries(table).find(([, option]) => option.short === letter);
    if (found === undefined) return false;
    letters = letters.slice(1);
    const [name, { takes }] = found;
    const wantsValue = takes === 'value' || takes === 'values';
    const value = wantsValue ? letters || rest.shift() : '';
    if (value === undefined) return false;
    const before = takes === 'values' ? options.get(name) : undefined;
    options.set(name, before === undefined ? value : `${before},${value}`);
    if (wantsValue) return true;
  }
  return true;
}
