import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import { count, duration, plural, timeOf } from '../../util/format.ts'
import { type WorkKind, workKindOf, workSubjectOf } from '../../util/scopes.ts'
import { printable } from '../../util/text.ts'

/** More would push the collections off the screen. */
const MOST = 5

/** The kinds that have no table of their own in `status`. */
type OtherKind = Exclude<WorkKind, 'crawl'>

/** Work beside the import of collections and the crawl of hosts, as its row in the store tells it. */
export interface OtherWork extends Omit<CollectionProgress, 'relay' | 'collection' | 'flags'> {
  readonly kind: OtherKind
  /** The server of a feed, the relay of a prune, the file of an import or of an index. */
  readonly about: string
}

export function otherWorkOf(rows: readonly CollectionProgress[]): OtherWork[] {
  return rows.flatMap(({ relay, collection, flags, ...row }) => {
    const kind = workKindOf(relay)
    return kind === undefined || kind === 'crawl' ? [] : [{ kind, about: workSubjectOf(relay), ...row }]
  })
}

/** A line for each, without files that are done: what they brought is in the index. */
export function otherWorkLines(work: readonly OtherWork[]): string[] {
  const open = work.filter(({ kind, state }) => state !== 'complete' || kind === 'prune')
  const more = open.length - MOST
  return [
    ...open.slice(0, MOST).map(lineOf),
    ...(more > 0 ? [`and ${plural(more, 'file or feed', 'files and feeds')} more: --json has them`] : []),
  ]
}

const WORDS: Readonly<Record<OtherKind, string>> = {
  feed: 'feed of',
  prune: 'prune by',
  import: 'import of',
  index: 'index of',
}

function lineOf(work: OtherWork): string {
  const { kind, about, state, lastError, retryInMs, completedAt } = work
  const parts = [
    completedAt === undefined ? state : `${state} since ${timeOf(completedAt)}`,
    ...placeOf(work),
    ...(retryInMs === undefined ? [] : [`again in ${duration(retryInMs)}`]),
  ]
  const why = lastError === undefined || state === 'complete' ? '' : `: ${lastError}`
  return printable(`${WORDS[kind]} ${about.replace(/^file:\/\//, '')}: ${parts.join(', ')}${why}`)
}

/** How far it is, as its kind counts that. */
function placeOf({ kind, cursor, imported, invalid }: OtherWork): string[] {
  switch (kind) {
    case 'feed':
      return cursor === undefined ? [] : [`${count(imported)} imported`, `read up to ${cursor}`]
    case 'prune':
      return cursor === undefined ? [] : [`accounts looked up to ${cursor}`]
    case 'import': {
      const left = invalid === 0 ? [] : [plural(invalid, 'invalid line')]
      return imported === 0 ? left : [`${count(imported)} pairs imported`, ...left]
    }
    case 'index':
      return []
  }
}
