/**
 * Commits pages in a process of its own. Each line of stdin is one: the claim, the page and its DIDs. Each line of stdout says
 * what came of it: the page that the claim has reached, or the code of the error.
 */
import { createInterface } from 'node:readline'
import type { Claim, PageProgress } from '../../src/index.ts'
import { openPostgres } from '../../src/postgres/index.ts'

export interface Commit {
  claim: Claim
  page: PageProgress
  dids: readonly string[]
}

await using store = await openPostgres(process.argv[2])
for await (const line of createInterface({ input: process.stdin })) {
  const { claim, page, dids } = JSON.parse(line) as Commit
  const { relay: source, collection } = claim
  const write = async (transaction?: unknown): Promise<void> => {
    await store.sink.add({ relay: source, collection, dids }, { transaction })
  }
  const outcome = await store.progress.advance(claim, page, write).then(
    (next) => next.pages,
    (error: { code?: string }) => error.code ?? String(error),
  )
  console.log(JSON.stringify(outcome))
}
