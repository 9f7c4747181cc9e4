import { cancelCases } from './progress-cancel.ts'
import { claimCases } from './progress-claims.ts'
import { flagCases } from './progress-flags.ts'
import type { ProgressStoreFixture } from './progress-helpers.ts'
import { outcomeCases } from './progress-outcomes.ts'
import { pageCases } from './progress-pages.ts'
import { refreshCases } from './progress-refresh.ts'
import { resetCases } from './progress-reset.ts'
import { scopeCases } from './progress-scopes.ts'
import { sharedCases } from './progress-shared.ts'
import type { SuiteCase } from './suite.ts'

/** What `ProgressStore` promises. */
export const progressStoreSuite: readonly SuiteCase<() => Promise<ProgressStoreFixture>>[] = [
  ...claimCases,
  ...pageCases,
  ...outcomeCases,
  ...flagCases,
  ...refreshCases,
  ...resetCases,
  ...scopeCases,
  ...cancelCases,
  ...sharedCases,
]
