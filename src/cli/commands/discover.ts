import { DiscoveryError } from '../../errors.ts'
import { collectionChoice, sourcesOf } from '../../run/collections-option.ts'
import type { Discovery } from '../../run/discovery.ts'
import { leftOutBy } from '../../run/run-scope.ts'
import { collectionDirectory } from '../../sources/collection-directory.ts'
import { collectionFilter, type FilterOptions } from '../../sources/collection-filter.ts'
import { count, plural } from '../../util/format.ts'
import { printable } from '../../util/text.ts'
import { askForCollections } from '../ask-sources.ts'
import { collectionsOf } from '../collection-sources.ts'
import type { RelayOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import { type Database, exists, whatIsMissing } from '../database.ts'
import { findExisting } from '../open-database.ts'
import { eventWriter } from '../output/json-lines.ts'
import { foundTexts, unmatchedTexts } from '../output/messages.ts'
import { screenOf } from '../output/screen.ts'
import { painter } from '../output/terminal-format.ts'
import { fit } from '../output/terminal-text.ts'
import type { SourceOptions } from '../source-options.ts'

export interface DiscoverOptions extends RelayOptions, SourceOptions, FilterOptions {
  readonly json?: boolean
}

/** Tells what the sources know, with estimates where they have some. @returns the exit code */
export async function discoverCollections(
  options: DiscoverOptions,
  database: Database,
  context: Context,
): Promise<number> {
  const { relay: relays = [] } = options
  // A database is not made for this.
  await using store = await findExisting(database, context.interruption)
  if (store === undefined && exists(database)) context.err.write(`! ${printable(whatIsMissing(database))}\n`)
  const observed = store?.observed
  const filter = collectionFilter(options)
  const choice = collectionChoice(collectionsOf(options, { relays, observed }))
  const directories = relays.map((relay) => collectionDirectory(relay))
  const sources = sourcesOf(choice, { directories, observed })
  const known = await askForCollections(sources, context)
  if (known.collections.length === 0) throw new DiscoveryError(known.errors)
  const { unmatched } = leftOutBy(filter, known.collections, [])
  for (const what of unmatchedTexts({ unmatched })) context.err.write(`! ${printable(what)}\n`)
  const discovery = { ...known, collections: known.collections.filter(({ nsid }) => filter.wants(nsid)) }
  if (options.json) eventWriter(context.out, context.debug)('discovered', discovery)
  else tell(discovery, context)
  return discovery.errors.length === 0 ? EXIT.complete : EXIT.incomplete
}

const COUNT_WIDTH = 14

/** The largest first, and those of unknown size by name after them. */
function tell({ collections, sources }: Discovery, { out, err, env }: Context): void {
  const screen = screenOf(out, env)
  const paint = painter(screen.color)
  const inOrder = collections.toSorted(
    (a, b) => (b.estimatedRepos ?? -1) - (a.estimatedRepos ?? -1) || (a.nsid < b.nsid ? -1 : 1),
  )
  const longest = Math.max(...inOrder.map(({ nsid }) => nsid.length))
  const width = Math.min(longest, Math.max(10, screen.columns - 1 - COUNT_WIDTH))
  // Of no use to another program either.
  if (out.isTTY) out.write(`${paint('dim', `${fit('collection', width)}${'repos'.padStart(COUNT_WIDTH)}`)}\n`)
  for (const { nsid, estimatedRepos } of inOrder) {
    const size = estimatedRepos === undefined ? '' : count(estimatedRepos).padStart(COUNT_WIDTH)
    // A name that is cut is of no use to another program.
    const name = out.isTTY ? fit(nsid, width) : nsid.padEnd(width)
    out.write(`${`${name}${size}`.trimEnd()}\n`)
  }
  const text = `${plural(collections.length, 'collection')}: ${foundTexts(sources).join(', ')}`
  err.write(`${paint('dim', printable(text))}\n`)
}
