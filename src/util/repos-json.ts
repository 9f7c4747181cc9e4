/** What stands between two repos in a list. */
const BETWEEN = '"},{"did":"'

/** What a DID may hold: nothing that JSON would escape, and no comma. */
const DIDS = /^[\w.:%,-]*$/

/** The list of repos as the method's answer has it: `[{"did":"did:plc:…"},…]`. */
export function reposJson(dids: readonly string[]): string {
  return JSON.stringify(dids.map((did) => ({ did })))
}

/**
 * The same, made in a quarter of the time from one text that holds the DIDs with commas between them.
 *
 * @param repos how many they are
 * @returns nothing where one of them is no DID: it may hold a comma or what JSON escapes
 */
export function joinedReposJson(joined: string, repos: number): string | undefined {
  if (repos === 0) return '[]'
  if (!DIDS.test(joined)) return undefined
  const list = joined.replaceAll(',', BETWEEN)
  const isExact = list.length - joined.length === (repos - 1) * (BETWEEN.length - 1)
  return isExact ? `[{"did":"${list}"}]` : undefined
}
