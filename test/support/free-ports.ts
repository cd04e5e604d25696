import { createServer } from 'node:net';

// Below the range Linux takes for outgoing connections (32768 and up), so that none of those can take a port between
// the probe here and the moment its daemon binds it.
const LOWEST = 20_000;
const HIGHEST = 32_000;

/** `count` different ports of 127.0.0.1 that nobody listens on. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > 100 * count) throw new Error(`no ${count} free ports between ${LOWEST} and ${HIGHEST}`);
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST));
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    // All addresses: a port somebody holds on another address is not free either.
    server.listen({ port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
