import { createServer } from 'node:net';

/** A server on loopback, which says the same to everybody and hangs up. */
export interface LoopbackServer {
  host: string;
  port: number;
  close(): void;
}

export async function loopbackServer(words = ''): Promise<LoopbackServer> {
  const server = createServer((socket) => socket.on('error', () => {}).end(words));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens nowhere');
  return { host: address.address, port: address.port, close: () => server.close() };
}
