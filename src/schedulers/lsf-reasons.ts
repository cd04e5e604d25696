/** LSF's states in words a person understands, with what to do where something can be done. */

const words: Readonly<Record<string, string>> = {
  PSUSP: 'held while it waits: bresume lets it go on',
  USUSP: 'suspended by its user or an administrator: bresume lets it go on',
  SSUSP: 'suspended by LSF, for a job of higher priority or because its node is too busy; it goes on by itself',
  UNKWN: 'its node does not answer, so nobody knows whether it still runs; it may come back',
  ZOMBI: 'was ended while its node did not answer; it counts until LSF knows that it is over',
  WAIT: 'waits behind another job of its chunk, on the same node',
  PROV: 'its node is being made ready or switched on',
  FWD_PEND: 'waits in the queue of another cluster that LSF sent it to',
};

/** The state of a waiting or odd job in words; null: no better words. */
export function explain(reason: string): string | null {
  return Object.hasOwn(words, reason) ? (words[reason] ?? null) : null;
}
