import type { Profile } from '../config/schema.ts';
import type { Endpoint } from '../transports/transport.ts';

/** What makes two sites' connections one: the same login host, by the same way, as the same user with the same key. */
export function loginHostOf({ connection }: Profile): string {
  const { transport, host, user, port, identityFile } = connection;
  return JSON.stringify([transport, host.toLowerCase(), user, port, identityFile]);
}

/** The site's login host as the transports need to know it. */
export function endpointOf({ name, connection }: Profile): Endpoint {
  const { host, user, port, identityFile, timeouts } = connection;
  return { site: name, host, user, port, identityFile, connectSeconds: timeouts.connect };
}
