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
  /**
   * Ends the next connection after so many bytes, both ways together; with a reset. Those are counted that come once the
   * client has sent `sent` of them.
   */
  cutAfter(bytes: number, sent?: number): void;
  /** Bytes that went through the last connection, both ways together, once the client had sent `sent` of them. */
  bytes(sent?: number): number;
  /** Bytes that the client sent through the last connection. */
  sent(): number;
  close(): Promise<void>;
}

/** Starts a relay to a port of loopback. */
export async function startRelay(to: number): Promise<TcpRelay> {
  const sockets = new Set<Socket>();
  let connections = 0;
  let last = new Count();
  let limit = { bytes: Number.POSITIVE_INFINITY, sent: 0 };
  let frozen = new WeakSet<Socket>();
  const server = createServer((near) => {
    const far = new Socket().connect(to, '127.0.0.1');
    connections += 1;
    const count = new Count();
    last = count;
    const cutAt = limit;
    limit = { bytes: Number.POSITIVE_INFINITY, sent: 0 };
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
        const left = count.hasSent(cutAt.sent) ? Math.max(0, cutAt.bytes - count.after(cutAt.sent)) : chunk.length + 1;
        const part = chunk.subarray(0, left);
        count.add(chunk.length, from === near);
        if (chunk.length < left) into.write(part);
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
    cutAfter: (bytes, sent = 0) => {
      limit = { bytes, sent };
    },
    bytes: (sent = 0) => last.after(sent),
    sent: () => last.sent,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** What went through a connection, piece by piece. */
class Count {
  sent = 0;
  private readonly pieces: { sentBefore: number; length: number }[] = [];

  add(length: number, isSent: boolean): void {
    this.pieces.push({ sentBefore: this.sent, length });
    if (isSent) this.sent += length;
  }

  hasSent(sent: number): boolean {
    return this.sent >= sent;
  }

  after(sent: number): number {
    return this.pieces.filter(({ sentBefore }) => sentBefore >= sent).reduce((sum, { length }) => sum + length, 0);
  }
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
