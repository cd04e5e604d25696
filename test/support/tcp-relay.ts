import { createServer, type Server, Socket } from 'node:net';

/** A stretch of the network on loopback, that a test can break. */
export interface TcpRelay {
  port: number;
  /** How many connections came so far. */
  connections(): number;
  /** From now on nothing gets through the connections that are there, and nobody is told: as when a firewall forgets them. */
  freeze(): void;
  /** Ends every connection that is there, with a reset. */
  cut(): void;
  /** Ends the next connection after so many bytes, both ways together; with a reset. */
  cutAfter(bytes: number): void;
  /** Bytes that went through the last connection, both ways together. */
  bytes(): number;
  close(): Promise<void>;
}

/** Starts a relay to a port of loopback. */
export async function startRelay(to: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let [connections, bytes, limit] = [0, 0, Number.POSITIVE_INFINITY];
  let frozen = new WeakSet<Socket>();
  const server = createServer((near) => {
    const far = new Socket().connect(to, '127.0.0.1');
    connections += 1;
    bytes = 0;
    const cutAt = limit;
    limit = Number.POSITIVE_INFINITY;
    const cut = () => {
      for (const socket of [near, far]) socket.resetAndDestroy();
    };
    const carry = (from: Socket, into: Socket) => {
      sockets.add(from.setNoDelay(true));
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        if (!frozen.has(from)) into.destroy();
      });
      from.on('data', (chunk: Buffer) => {
        if (frozen.has(from)) return;
        const part = chunk.subarray(0, Math.max(0, cutAt - bytes));
        bytes += chunk.length;
        if (bytes < cutAt) into.write(part);
        // What is before the cut still arrives: a reset at once would take it away.
        else into.write(part, () => setTimeout(cut, 20));
      });
    };
    carry(near, far);
    carry(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: portOf(server),
    connections: () => connections,
    freeze: () => {
      frozen = new WeakSet(sockets);
    },
    cut: () => {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    cutAfter: (count) => {
      limit = count;
    },
    bytes: () => bytes,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
