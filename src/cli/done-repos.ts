/** Counts the repos of a stream that are done without a gap: others, further on, may be done before them. */
export interface DoneRepos {
  /** The stream, without the repos that were done before. */
  readonly repos: AsyncGenerator<string, void, void>
  /** How many are done, counted from the first of the stream. */
  readonly count: number
  take(did: string): void
}

/** @param before how many are passed over */
export function doneRepos(dids: AsyncIterable<string>, before: number): DoneRepos {
  /** Repos under way, with their places, in their order. One that is named twice has the later place. */
  const underWay = new Map<string, number>()
  let read = 0
  async function* rest(): AsyncGenerator<string, void, void> {
    for await (const did of dids) {
      read += 1
      if (read <= before) continue
      underWay.delete(did)
      underWay.set(did, read)
      yield did
    }
  }
  return {
    repos: rest(),
    get count() {
      const [first] = underWay.values()
      return first === undefined ? Math.max(read, before) : first - 1
    },
    take: (did) => void underWay.delete(did),
  }
}
