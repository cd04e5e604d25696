type Raw = Record<string, unknown>;

/** The smallest profile that is right: every required key and nothing else. A new one at every call. */
export function exampleProfile(): Record<'connection' | 'scheduler' | 'pilot', Raw> & Raw {
  return {
    name: 'campus',
    connection: { host: 'login.example.org' },
    scheduler: { kind: 'slurm', walltime: '24:00:00' },
    pilot: { site: 'Campus', resource: 'Campus-CE1', owners: ['ada'], token: '~/.glidein/token' },
  };
}

/** The example with other values at dotted keys; `undefined` takes a key out. */
export function exampleWith(changes: Raw): Raw {
  const profile: Raw = exampleProfile();
  for (const [key, value] of Object.entries(changes)) setAt(profile, key.split('.'), value);
  return profile;
}

function setAt(holder: Raw, [first = '', ...rest]: string[], value: unknown): void {
  if (rest.length > 0) {
    const child = { ...(holder[first] as Raw | undefined) };
    holder[first] = child;
    setAt(child, rest, value);
  } else if (value === undefined) delete holder[first];
  else holder[first] = value;
}
