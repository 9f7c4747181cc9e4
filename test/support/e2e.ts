import type { PageEvent } from '../../src/index.ts'
import type { RelayContents } from '../../src/testing/index.ts'
import { createPGlite, createPostgres, type TestDatabase, type TestKysely } from './databases.ts'

/** What every populated relay has: a run asks for it before it begins. */
export const PROFILE = 'app.bsky.actor.profile'

/** Pauses short enough for tests; what they are relative to each other stays. */
export const quick: { retries: number; minDelayMs: number; maxDelayMs: number } = {
  retries: 3,
  minDelayMs: 1,
  maxDelayMs: 20,
}

/** The databases that the same test code runs on. */
export const databases: readonly { kind: string; create: () => Promise<TestDatabase> }[] = [
  { kind: 'Postgres', create: createPostgres },
  { kind: 'PGlite', create: createPGlite },
]

/** How many pages a relay cuts a list into: where the last page is full, an empty one follows. */
export function pageCount(size: number, pageSize: number): number {
  return Math.floor(size / pageSize) + 1
}

/** The pairs of an index and of what it should hold that have no counterpart, each as `collection did`. */
export interface Differences {
  missing: string[]
  foreign: string[]
}

export const NONE: Differences = { missing: [], foreign: [] }

/** How an index differs from all that the relays hold together; in a failed test, the first few say enough. */
export async function differences(db: TestKysely, ...relays: readonly RelayContents[]): Promise<Differences> {
  const expected = new Set<string>()
  for (const relay of relays) {
    for (const collection of relay.collections) {
      for (const did of relay.dids(collection)) expected.add(`${collection} ${did}`)
    }
  }
  const rows = await db.selectFrom('collection_index').selectAll().execute()
  const held = new Set(rows.map(({ collection, did }) => `${collection} ${did}`))
  return {
    missing: [...expected].filter((pair) => !held.has(pair)).slice(0, 5),
    foreign: [...held].filter((pair) => !expected.has(pair)).slice(0, 5),
  }
}

/** The events up to and with the one that is looked for; then the loop is left. */
export async function playUntil(
  pages: AsyncIterable<PageEvent>,
  isLast: (page: PageEvent) => boolean,
): Promise<PageEvent[]> {
  const events: PageEvent[] = []
  for await (const page of pages) {
    events.push(page)
    if (isLast(page)) return events
  }
  throw new Error('The run ended before the page that was waited for.')
}
