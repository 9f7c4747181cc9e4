/**
 * Why an account may lose its pairs. `inactive`: it is not active, and the server does not say why, or says it in a word
 * that tells nothing of the account, such as `desynchronized`.
 */
export type InactiveStanding = 'deleted' | 'takendown' | 'suspended' | 'deactivated' | 'inactive'

/** What an account's state means for its pairs. */
export type AccountStanding = 'active' | InactiveStanding

const REASONS: ReadonlySet<unknown> = new Set<AccountStanding>([
  'deleted',
  'takendown',
  'suspended',
  'deactivated',
])

/**
 * The standing of an account by what a server tells. One that the server calls active is active, whatever `status` says;
 * without `active`, as older servers answer, `status` alone decides.
 */
export function standingOf({ active, status }: { active?: unknown; status?: unknown }): AccountStanding {
  if (active === true) return 'active'
  if (REASONS.has(status)) return status as AccountStanding
  return active === false ? 'inactive' : 'active'
}

/** Whether a list's entry is of an account that is gone: it names an account whose server says that it exists no more. */
export function isGone(entry: { active?: unknown; status?: unknown }): boolean {
  // Nearly all entries of a list have neither field.
  if (entry.status === undefined) return false
  const standing = standingOf(entry)
  return standing === 'deleted' || standing === 'takendown'
}
