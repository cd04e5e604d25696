import { createConnection, createServer, type Socket } from 'node:net';

/** A relay on loopback that makes a near server look far away. */
export interface DelayProxy extends AsyncDisposable {
  port: number;
}

/**
 * Relays TCP connections to `port` of 127.0.0.1. Every piece that arrives, the end of the stream too, is passed on
 * `delayMs` later, in each direction; how much goes through at a time is not limited. The connection itself is made at
 * once: a real one would take one round trip more, whoever makes it. Its end ends the connections that go through it.
 */
export async function startDelayProxy(port: number, delayMs: number): Promise<DelayProxy> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = createConnection({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(from);
      relay(from, to, delayMs);
      from.on('close', () => open.delete(from));
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the relay has no port');
  return {
    port: address.port,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

// Timers of one length fire in the order in which they were set, so nothing overtakes.
function relay(from: Socket, to: Socket, delayMs: number): void {
  from.on('data', (chunk) => setTimeout(() => to.writable && to.write(chunk), delayMs));
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('error', () => to.destroy());
}
