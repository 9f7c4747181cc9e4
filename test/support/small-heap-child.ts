/**
 * Reads what a server answers to each user agent in turn, in a process that is started with a small heap: as pages of six
 * collections at once, and as what sources list. Says, a line for each, what came of it.
 */
import { collectionDirectory, lexiconGarden, relayLister, ufos } from '../../src/index.ts'
import { describe } from '../../src/util/describe.ts'

export interface SmallHeapOptions {
  origin: string
  userAgents: readonly string[]
  pageSize: number
}

const { origin, userAgents, pageSize } = JSON.parse(process.argv[2] ?? '') as SmallHeapOptions

async function listed(names: AsyncIterable<unknown>): Promise<string> {
  let found = 0
  for await (const _ of names) found += 1
  return `${found} names`
}

for (const userAgent of userAgents) {
  const lister = relayLister(origin, { userAgent, pageSize })
  const pages = Array.from({ length: 6 }, async (_, i) => {
    const { dids, invalid } = await lister.listRepos({ collection: `com.example.c${i}` })
    return `${dids.length} repos, ${invalid} invalid`
  })
  const sources = [
    collectionDirectory(origin, { userAgent }),
    lexiconGarden({ url: `${origin}/llms.txt`, userAgent }),
    ufos({ url: `${origin}/collections`, userAgent }),
  ]
  const readings = sources.map((source) => listed(source.collections()))
  const ends = await Promise.allSettled([...pages, ...readings])
  const outcomes = ends.map((end) => (end.status === 'fulfilled' ? end.value : describe(end.reason)))
  console.log(JSON.stringify({ userAgent, outcomes }))
}
