import { expect } from 'vitest'
import { type CollectionReport, relayLister, type VerifyOptions, verify } from '../../src/index.ts'
import { memoryIndex } from '../../src/memory/memory-index.ts'
import { startRelay, type TestRelay, type TestRelayOptions } from '../../src/testing/index.ts'
import { PROFILE, quick } from './e2e.ts'
import { didsFrom } from './store-steps.ts'

export const A = 'com.example.a'
export const B = 'com.example.b'
export const C = 'com.example.c'
export const SORTED: string[] = didsFrom(0, 500).toSorted()
export const FIRST: string = SORTED[0] ?? ''
export const LAST: string = SORTED.at(-1) ?? ''

/** The same DIDs in an order that is none: every seventh, then every seventh of the rest, and so on. */
export const MIXED: string[] = SORTED.map((_, i) => SORTED[(i * 7) % SORTED.length] ?? '')

interface Comparison {
  readonly reports: CollectionReport[]
  readonly summary: Awaited<ReturnType<ReturnType<typeof verify>['run']>>
  readonly requests: TestRelay['requests']
  readonly relay: string
}

/** Verifies an index in memory against a relay, and sees to it that nothing is written. */
export async function compare(
  there: Record<string, readonly string[]>,
  here: Record<string, readonly string[]>,
  options: Partial<VerifyOptions> = {},
  relayOptions: Partial<TestRelayOptions> = {},
): Promise<Comparison> {
  await using relay = await startRelay({ collections: { [PROFILE]: [FIRST], ...there }, ...relayOptions })
  const pairs = new Map(Object.entries(here).map(([nsid, dids]) => [nsid, new Set(dids)]))
  const before = JSON.stringify([...pairs].map(([nsid, dids]) => [nsid, [...dids]]))
  const verification = verify({
    relay: relayLister(relay.url, { pageSize: 40 }),
    index: memoryIndex(pairs),
    retry: quick,
    ...options,
  })
  const reports: CollectionReport[] = []
  for await (const report of verification) reports.push(report)
  expect(JSON.stringify([...pairs].map(([nsid, dids]) => [nsid, [...dids]]))).toBe(before)
  return { reports, summary: verification.summary, requests: relay.requests, relay: relay.url }
}
