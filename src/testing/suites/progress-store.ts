import { claimCases } from './progress-claims.ts'
import { outcomeCases } from './progress-outcomes.ts'
import { pageCases } from './progress-pages.ts'
import { rearmCases } from './progress-rearm.ts'
import type { ProgressStoreCase } from './progress-steps.ts'

/** What `ProgressStore` promises. */
export const progressStoreSuite: readonly ProgressStoreCase[] = [
  ...claimCases,
  ...pageCases,
  ...outcomeCases,
  ...rearmCases,
]
