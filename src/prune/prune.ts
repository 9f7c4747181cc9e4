import type { Emit } from '../contracts/events.ts'
import { PruneRefusedError } from '../errors.ts'
import { guardListener } from '../run/listener.ts'
import { startRun } from '../run/start-run.ts'
import { abortWith, createController } from '../util/abort.ts'
import type { InactiveStanding } from '../util/account-standing.ts'
import { standingOf } from '../util/account-standing.ts'
import type { Run } from '../util/run-iterator.ts'
import { digester } from '../verify/digest-set.ts'
import { countIndex, type Listed, listedAs } from './index-count.ts'
import { listedAccounts } from './listed-accounts.ts'
import { listedSet } from './listed-set.ts'
import { createLookUps } from './look-ups.ts'
import { createPairStore } from './pair-store.ts'
import { claimPrune, type PruneClaim } from './prune-claim.ts'
import { type PruneOptions, type PruneSettings, pruneSettingsOf } from './prune-options.ts'
import { emptyPruneSummary, type PruneEvent, type PruneSummary } from './prune-summary.ts'
import { removeGone } from './removal.ts'
import { createStandings } from './standings.ts'

/** What a prune does, event by event. It stops as a backfiller does: leave the loop, or abort the signal. */
export interface Pruning extends Run<PruneEvent, PruneSummary> {}

/**
 * Removes the pairs of accounts that are gone: those that a relay calls deleted or taken down, in its
 * `com.atproto.sync.listRepos` or, for an account that the list does not name, in its answer to a look-up. Accounts that
 * are deactivated or suspended keep their pairs unless the options say otherwise, and so does every account of which the
 * relay says nothing: a list that lacks accounts removes nothing.
 *
 * It reads the whole list, counts what that means for the index, reports, and removes only then. If that may be more than
 * `maxShare` of all pairs, it asks `confirm`.
 *
 * If the store has a `progress`, one process at a time prunes by a relay. A prune that was interrupted has removed a part,
 * and the next one goes on with its look-ups. It reads the list again: the answers of before are too old to remove by.
 *
 * @throws InvalidOptionError for an option that cannot be used. While iterated: `PruneRefusedError` if too much would be
 * removed and there is no `confirm`, a `RelayError` when the relay gives no whole list or no answer, what `onEvent` throws,
 * the signal's reason when that aborts.
 */
export function prune(options: PruneOptions): Pruning {
  const settings = pruneSettingsOf(options)
  const stop = createController()
  const summary = emptyPruneSummary(settings.accounts.relay)
  const end = (durationMs: number) => {
    summary.durationMs = durationMs
  }
  const counts = { summary, end }
  return startRun(() => pruneOnce(settings, stop, summary), { signal: settings.signal, stop, counts })
}

async function* pruneOnce(
  settings: PruneSettings,
  stop: AbortController,
  summary: PruneSummary,
): AsyncGenerator<PruneEvent, void, void> {
  const emit: Emit = guardListener(settings.onEvent, stop)
  let claim: PruneClaim | undefined
  try {
    const { relay, onPause } = settings.accounts
    onPause?.((pause) => emit({ type: 'paused', relay, ...pause }), stop.signal)
    const { progress } = settings.store
    if (progress !== undefined && !settings.dryRun) {
      claim = await claimPrune({ ...settings, relay, progress, signal: stop.signal, emit })
      if (claim === undefined) {
        summary.outcome = 'elsewhere'
        return
      }
      abortWith(claim.signal, stop)
    }
    yield* pruneBy(summary, { ...settings, signal: stop.signal, emit, claim })
    if (summary.outcome === 'pruned') await claim?.complete()
  } finally {
    await claim?.release()
  }
}

interface Parts extends PruneSettings {
  readonly signal: AbortSignal
  readonly emit: Emit
  readonly claim: PruneClaim | undefined
}

async function* pruneBy(summary: PruneSummary, settings: Parts): AsyncGenerator<PruneEvent, void, void> {
  const { relay } = settings.accounts
  const parts = { ...settings, relay, index: settings.store.index }
  const lookUps = createLookUps(settings)
  const pairStore = createPairStore({ ...parts, lookUps, summary })
  const listed = yield* readList(summary, settings)
  const unlisted = yield* countIndex(listed, summary, parts)
  summary.mayRemove = mayRemove(summary, settings)
  yield { type: 'report', relay, report: structuredClone(summary) }
  if (settings.dryRun) {
    summary.outcome = 'reported'
    return
  }
  if (!(await isAllowed(summary, settings))) {
    summary.outcome = 'declined'
    return
  }
  await pairStore.reopen((did) => listedAs(listed, listed.digest(did)) === 'active')
  yield* removeGone({ ...parts, listed, unlisted, lookUps, pairStore, summary })
  summary.outcome = 'pruned'
}

async function* readList(summary: PruneSummary, settings: Parts): AsyncGenerator<PruneEvent, Listed, void> {
  const { relay } = settings.accounts
  const digest = digester()
  const begunAt = Date.now()
  const listed = { begunAt, digest, standings: createStandings(), names: listedSet(settings.memoryBytes) }
  for await (const { accounts } of listedAccounts(undefined, settings)) {
    for (const account of accounts) {
      const digested = digest(account.did)
      const standing = standingOf(account)
      if (standing === 'active') listed.names.add(digested)
      else listed.standings.note(digested, standing)
    }
    summary.listed += accounts.length
    yield { type: 'listed', relay, listed: summary.listed }
  }
  for (const [standing, accounts] of listed.standings.count()) summary.inactive[standing].accounts = accounts
  return listed
}

function mayRemove({ inactive, unlisted }: PruneSummary, settings: PruneSettings): number {
  const standings = Object.keys(inactive) as InactiveStanding[]
  const gone = standings.filter((standing) => settings.fates[standing] === 'remove')
  return gone.reduce((sum, standing) => sum + inactive[standing].pairs, settings.looksUp ? unlisted.pairs : 0)
}

/** @throws PruneRefusedError */
async function isAllowed(summary: PruneSummary, { maxShare, confirm }: PruneSettings): Promise<boolean> {
  if (summary.mayRemove <= maxShare * summary.pairs) return true
  if (confirm === undefined)
    throw new PruneRefusedError({ ...summary, unlistedPairs: summary.unlisted.pairs }, maxShare)
  return confirm(structuredClone(summary))
}
