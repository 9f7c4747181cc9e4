/**
 * A reader as Tap is: it goes on until a page has no cursor, keeps the last cursor that it got, sleeps, and asks from
 * there.
 */
export interface ReturningReader {
  /** All that it was ever given. */
  readonly known: ReadonlySet<string>
  /** Reads to the end. @returns what it was given, in the order in which that came */
  pass(): Promise<string[]>
  /** Reads one page, as a reader does that is stopped behind it. @returns false at the end */
  step(): Promise<boolean>
}

export function returningReader(
  ask: (url: string) => Promise<Response>,
  { collection, limit }: { collection: string; limit: number },
): ReturningReader {
  const known = new Set<string>()
  const given: string[] = []
  let kept: string | undefined

  async function step(): Promise<boolean> {
    const query = new URLSearchParams({ collection, limit: String(limit), ...(kept && { cursor: kept }) })
    const response = await ask(`/xrpc/com.atproto.sync.listReposByCollection?${query}`)
    if (response.status !== 200) throw new Error(`${response.status}: ${await response.text()}`)
    const { repos, cursor } = (await response.json()) as { repos: { did: string }[]; cursor?: string }
    if (repos.length > limit) throw new Error(`${repos.length} repos on a page of ${limit}`)
    given.push(...repos.map(({ did }) => did))
    for (const { did } of repos) known.add(did)
    if (cursor === undefined) return false
    if (cursor === kept) throw new Error('A cursor led to itself.')
    kept = cursor
    return true
  }

  return {
    known,
    step,
    async pass() {
      given.length = 0
      for (let pages = 1; await step(); pages += 1) if (pages > 2_000) throw new Error('The list has no end.')
      return [...given]
    },
  }
}
