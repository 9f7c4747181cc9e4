import type { CollectionProgress } from '../../contracts/collection-progress.ts'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { isBackfillError } from '../../errors.ts'
import { abortable } from '../../util/abort.ts'
import { wasCancelled } from '../../util/flags.ts'
import { count, plural } from '../../util/format.ts'
import { normalNsid } from '../../util/nsid.ts'
import { collectionRows } from '../../util/scopes.ts'
import { type Database, exists, nameOf } from '../database.ts'
import { findExisting } from '../open-database.ts'
import { type Finding, type Looks, look } from './findings.ts'
import { checkPostgres } from './postgres-checkup.ts'
import { checkFile } from './sqlite-checkup.ts'

/** Names of collections that a finding tells. */
const MOST_NAMED = 3

/** The database: whether it can be used, and what stands in it, while that is open. */
export async function checkDatabase(database: Database, parts: Looks): Promise<readonly Finding[]> {
  return database.kind === 'sqlite' ? checkFile(database.file, parts) : checkPostgres(database, parts)
}

/** The index and the progress of runs. @returns the store too, where there is one, for the caller to close */
export async function checkContents(
  database: Database,
  parts: Looks,
): Promise<{ readonly findings: readonly Finding[]; readonly store: OpenedStore | undefined }> {
  let store: OpenedStore | undefined
  if (!exists(database)) return { findings: [], store }
  const subject = `tables in ${nameOf(database)}`
  const opened = await look(subject, parts, async (signal): Promise<Finding> => {
    store = await findExisting(database, { signal })
    if (store !== undefined) return { subject, state: 'ok', found: 'they are there, and up to date' }
    const advice = 'The command run makes them, and so does migrate. Check --schema, --data and --database.'
    return { subject, state: 'warn', found: 'there are none', advice }
  })
  const held = store
  if (held === undefined) return { findings: opened, store }
  const contents = await look('index', parts, (signal) => indexFindings(held, signal))
  return { findings: [...opened, ...contents], store }
}

async function indexFindings(
  { observed, progress, index }: OpenedStore,
  signal: AbortSignal,
): Promise<Finding[]> {
  const rows = collectionRows(await abortable(progress.list(), signal))
  const names = new Set<string>()
  for await (const { nsid } of observed.collections({ signal })) names.add(normalNsid(nsid))
  const isSearched = await abortable(hasDidIndex(index), signal)
  const search = isSearched
    ? 'with the index by DID'
    : 'without an index by DID, which only look-ups by DID need'
  return [
    { subject: 'index', state: 'ok', found: `${plural(names.size, 'collection')}, ${search}` },
    ...progressFindings(rows, names),
  ]
}

async function hasDidIndex(index: OpenedStore['index']): Promise<boolean> {
  try {
    await index.collectionsOf('did:web:example.com', { limit: 1 })
    return true
  } catch (error) {
    if (isBackfillError(error, 'NOT_INDEXED')) return false
    throw error
  }
}

/** Whether the progress fits the index, and what it asks a person for. */
export function progressFindings(rows: readonly CollectionProgress[], names: ReadonlySet<string>): Finding[] {
  const inState = (state: CollectionProgress['state']) => rows.filter((row) => row.state === state)
  const running = inState('running')
  // No run reads what was cancelled, whatever has become of its pairs: its flag says so.
  const failed = inState('failed').filter((row) => !wasCancelled(row))
  const missing = rows.filter(
    (row) =>
      row.imported > 0 &&
      row.state !== 'running' &&
      !wasCancelled(row) &&
      !names.has(normalNsid(row.collection)),
  )
  const flagged = rows.filter(({ flags }) => flags.length > 0)
  const subject = 'progress'
  const complete = `${count(inState('complete').length)} of ${plural(rows.length, 'collection')} complete`
  const imported = rows.reduce((sum, row) => sum + row.imported, 0)
  const at = running.length === 0 ? '' : `, ${count(running.length)} read by a run now`
  return [
    {
      subject,
      state: 'ok',
      found:
        rows.length === 0
          ? 'nothing is registered yet'
          : `${complete}${at}, ${plural(imported, 'pair')} imported`,
    },
    ...problem(missing, 'imported, and the index does not name them', {
      state: 'fail',
      advice: 'The index was emptied or restored. The next run reads them again.',
    }),
    ...problem(failed, 'failed', {
      state: 'warn',
      advice: 'See status --state failed, then retry, or run again.',
    }),
    ...problem(flagged, 'flagged', { state: 'warn', advice: 'See status: it says what each flag means.' }),
  ]

  function problem(
    which: readonly CollectionProgress[],
    what: string,
    how: Pick<Finding, 'state' | 'advice'>,
  ): Finding[] {
    if (which.length === 0) return []
    const some = which.slice(0, MOST_NAMED).map(({ collection }) => collection)
    const more = which.length - some.length
    const named = `${some.join(', ')}${more > 0 ? ` and ${count(more)} more` : ''}`
    return [{ subject, found: `${plural(which.length, 'collection')} ${what}: ${named}`, ...how }]
  }
}
