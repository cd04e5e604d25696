/** What a refusal is about, in the words of any batch system. */

// Slurm: "Invalid account or account/partition combination specified", "Invalid qos specification", "User's group not
// permitted to use this partition", "Job violates accounting/QOS policy". PBS: "Unauthorized Request", "Unknown queue",
// "Invalid account". LSF: "No such queue", "User cannot use the queue", "not a member of project group". Grid Engine:
// "queue … does not exist", "project … does not exist", "has no permission".
const rights =
  /\baccount|\bproject|\bpartition|\bqos\b|\bqueue\b|\bassociation|\ballocation|\bunauthori[sz]ed|\bnot (?:authori[sz]ed|allowed|permitted)|\bdenied|\bpermission|\bexpired/i;

/** Whether a permanent refusal is about what the account may use. Asking again does not change that; a person does. */
export function isAboutRights(said: string): boolean {
  return rights.test(said);
}
