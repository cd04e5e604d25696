/** What a message says behind keys of a profile that several batch systems have no word for. */

export function oneNodeOnly(kind: string): string {
  return `has to be 1: pilots on several nodes of a job are not started with ${kind}, only with slurm`;
}

export function noQos(kind: string): string {
  return `has no effect with ${kind}, which has no QOS; remove it`;
}
