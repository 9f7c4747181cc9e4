import {
  type RelayScript,
  startRelay,
  type TestRelay,
  type TestRelayOptions,
} from '../../src/testing/index.ts'

export const BIG = 'app.bsky.feed.like'

/** A relay whose biggest collection stops after some pages: whoever walks it waits there until it is let go. */
export interface ParkedRelay extends AsyncDisposable {
  readonly relay: TestRelay
  /** Resolves once a request waits. */
  readonly parked: Promise<void>
  letGo(): void
}

/** Options of a `run` that walks {@link BIG} as it is parked, page by page. */
export const WALK_BIG: readonly string[] = ['--collection', BIG, '--page-size', '100']

/** @param pages how many pages of 100 of {@link BIG}, which has 1,000 repos, are answered before */
export async function startParkedRelay(
  pages: number,
  { collections, script, ...options }: Partial<TestRelayOptions> = {},
): Promise<ParkedRelay> {
  const parked = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  const parking: RelayScript = async (request) => {
    if (request.collection === BIG && (request.offset ?? 0) >= pages * 100) {
      parked.resolve()
      await gate.promise
    }
    return script?.(request)
  }
  const relay = await startRelay({
    ...options,
    collections: { 'app.bsky.actor.profile': 150, [BIG]: 1_000, ...collections },
    script: parking,
  })
  return {
    relay,
    parked: parked.promise,
    letGo: () => gate.resolve(),
    async [Symbol.asyncDispose]() {
      gate.resolve()
      await relay[Symbol.asyncDispose]()
    },
  }
}
