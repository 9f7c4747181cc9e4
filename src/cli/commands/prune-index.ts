import { prune } from '../../prune/prune.ts'
import type { AccountFate } from '../../prune/prune-options.ts'
import { relayAccounts } from '../../relay/relay-accounts.ts'
import { brokenEnd, type Context, EXIT } from '../context.ts'
import { type Database, nameOf } from '../database.ts'
import { openExisting } from '../open-database.ts'
import { jsonPruneReport, type PruneReport, textPruneReport } from '../prune-report.ts'
import { canAsk } from '../question.ts'
import { UsageError } from '../usage-error.ts'

export interface PruneCommandOptions {
  readonly relay?: readonly string[]
  readonly deactivated?: AccountFate
  readonly suspended?: AccountFate
  readonly unlisted?: 'look-up' | 'keep'
  readonly notFound?: 'keep' | 'remove'
  /** From 0 to 1. */
  readonly maxPercent?: number
  readonly requestsPerSecond?: number
  readonly retries?: number
  readonly dryRun?: boolean
  readonly yes?: boolean
  readonly json?: boolean
}

/** Removes the pairs of accounts that are gone. @returns the exit code */
export async function pruneIndex(
  options: PruneCommandOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const [relay, ...more] = options.relay ?? []
  if (relay === undefined || more.length > 0)
    throw new UsageError('By which relay? Give one, with --relay HOST: its accounts are read.')
  const { deactivated, suspended, unlisted, notFound, requestsPerSecond, retries, dryRun, json } = options
  const { signal } = context.interruption
  await using store = await openExisting(database, { signal })
  const lister = relayAccounts(relay, { requestsPerSecond })
  const report: PruneReport = json ? jsonPruneReport(context) : textPruneReport(context)
  const pruning = prune({
    relay: lister,
    store,
    deactivated,
    suspended,
    unlisted: unlisted === 'look-up' ? 'lookUp' : unlisted,
    notFound,
    maxShare: options.yes ? 1 : options.maxPercent,
    confirm: json === true || !canAsk(context) ? undefined : report.confirm,
    dryRun,
    retry: retries === undefined ? {} : { retries },
    signal,
    onEvent: report.handle,
  })
  report.begin({ relay: lister.relay, database: nameOf(database), summary: pruning.summary })
  try {
    for await (const event of pruning) report.tell(event)
    const { outcome } = pruning.summary
    const exitCode = outcome === 'declined' ? EXIT.incomplete : EXIT.complete
    report.end({ outcome, exitCode })
    return exitCode
  } catch (error) {
    report.end(brokenEnd(error, context.interruption))
    throw error
  }
}
