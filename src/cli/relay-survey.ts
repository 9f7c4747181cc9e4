import type { KnownCollection } from '../contracts/collection-source.ts'
import type { BackfillEvent } from '../contracts/events.ts'
import { DiscoveryError } from '../errors.ts'
import { checkRelay, tellPauses } from '../paging/fetch-page.ts'
import { collectionChoice, sourcesOf } from '../run/collections-option.ts'
import { leftOutBy } from '../run/run-scope.ts'
import { collectionFilter, type FilterOptions } from '../sources/collection-filter.ts'
import { retryPolicy } from '../util/retry.ts'
import { printable } from '../util/text.ts'
import type { RelayListParts } from '../verify/lists.ts'
import { askForCollections } from './ask-sources.ts'
import { collectionsOf } from './collection-sources.ts'
import type { RequestOptions } from './command-options.ts'
import type { Context } from './context.ts'
import { unmatchedTexts } from './output/messages.ts'
import type { Relay } from './relay-options.ts'
import type { SourceOptions } from './source-options.ts'
import type { SurveyReport } from './survey-report.ts'
import { watchedLister } from './watched-lister.ts'

export interface SurveyOptions extends SourceOptions, FilterOptions, RequestOptions {}

/** The collections that are meant, the largest first, as far as their sizes are known. */
export async function collectionsFor(
  options: SurveyOptions,
  relays: readonly Relay[],
  context: Context,
): Promise<KnownCollection[]> {
  const filter = collectionFilter(options)
  const addresses = relays.map(({ address }) => address)
  const choice = collectionChoice(collectionsOf(options, { relays: addresses, observed: undefined }))
  const directories = relays.flatMap(({ lister }) => lister.directory ?? [])
  const known = await askForCollections(sourcesOf(choice, { directories, observed: undefined }), context)
  if (known.collections.length === 0) throw new DiscoveryError(known.errors)
  for (const what of unmatchedTexts(leftOutBy(filter, known.collections, [])))
    context.err.write(`! ${printable(what)}\n`)
  return known.collections
    .filter(({ nsid }) => filter.wants(nsid))
    .toSorted((a, b) => (b.estimatedRepos ?? -1) - (a.estimatedRepos ?? -1) || (a.nsid < b.nsid ? -1 : 1))
}

interface CheckParts {
  readonly options: SurveyOptions
  readonly report: SurveyReport
  readonly signal: AbortSignal
}

/**
 * How the relays are read, once each was checked; what happens on the way is told.
 *
 * @param parts.goesOn whether one that fails its check is told and left out, while another one is left
 */
export async function checkedRelays(
  relays: readonly Relay[],
  collections: readonly KnownCollection[],
  { options, report, signal, goesOn = false }: CheckParts & { readonly goesOn?: boolean },
): Promise<RelayListParts> {
  const emit = (event: BackfillEvent) => {
    for (const { relay, monitor } of relays) if (relay === event.relay) monitor.handle(event)
    report.handle(event)
  }
  const retry = retryPolicy(options.retries === undefined ? {} : { retries: options.retries })
  const parts = { retry, signal, emit }
  for (const { relay, lister, monitor } of relays) {
    monitor.handle({ type: 'discovered', relay, collections, sources: [] })
    tellPauses({ ...parts, lister })
  }
  const names = options.collection?.filter((name) => !name.endsWith('*')) ?? []
  const checks = await Promise.allSettled(relays.map(({ lister }) => checkRelay({ ...parts, lister }, names)))
  signal.throwIfAborted()
  const failed = checks.flatMap((check, i) =>
    check.status === 'rejected' ? [{ i, error: check.reason }] : [],
  )
  const [first] = failed
  if (first !== undefined && (!goesOn || failed.length === relays.length)) throw first.error
  for (const { i, error } of failed) emit({ type: 'relayFailed', relay: relays[i]?.relay ?? '', error })
  const left = relays.filter((_, i) => checks[i]?.status === 'fulfilled')
  return { ...parts, listers: left.map((relay) => watchedLister(relay, report.page)) }
}
