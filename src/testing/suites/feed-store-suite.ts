import { accountCases, closedCases } from './feed-accounts.ts'
import { batchCases } from './feed-batches.ts'
import { cameBackCases, goneCases } from './feed-gone.ts'
import type { FeedStoreFixture } from './feed-helpers.ts'
import { lookUpCases } from './feed-look-ups.ts'
import { newcomerCases } from './feed-newcomers.ts'
import type { SuiteCase } from './suite.ts'

/** What a store promises that a live feed writes to. */
export const feedStoreSuite: readonly SuiteCase<() => Promise<FeedStoreFixture>>[] = [
  ...goneCases,
  ...closedCases,
  ...cameBackCases,
  ...accountCases,
  ...newcomerCases,
  ...lookUpCases,
  ...batchCases,
]
