import type { Emit } from '../contracts/events.ts'
import type { PageProgress } from '../contracts/progress-store.ts'
import { endsRun } from '../run/failure-policy.ts'
import type { BackfillStore } from '../run/options.ts'
import { createPatience, type Patience, patientStore, STORE_TIMEOUT_MS } from '../run/patient-store.ts'
import { claimWork, type WorkClaim } from '../run/work-claim.ts'
import { isFinal, type RetryPolicy, retrying } from '../util/retry.ts'
import { workScope } from '../util/scopes.ts'
import type { PairColumns } from './pair-text.ts'

/** Where an import is in its text. */
export interface ImportPlace {
  readonly bytes: number
  readonly lines: number
  /** What the last header named. */
  readonly columns?: PairColumns | undefined
}

/** Pairs that become durable together, and where the text goes on behind them. */
export interface ImportWrite {
  readonly byCollection: ReadonlyMap<string, readonly string[]>
  readonly pairs: number
  readonly invalid: number
  readonly place: ImportPlace
  readonly isLast: boolean
}

/** Writes pairs, and the place with them where the text has a name. */
export interface ImportWriter {
  /** @returns where to begin; or that another process has imported the text to its end meanwhile */
  begin(): Promise<ImportPlace | 'done elsewhere'>
  /** @returns how many were new */
  write(write: ImportWrite): Promise<number | undefined>
  /** Lets another one go on. */
  end(): Promise<void>
}

interface WriterOptions {
  readonly store: Pick<BackfillStore, 'sink' | 'progress'>
  readonly name?: string | undefined
  readonly version?: string | undefined
  readonly retry: RetryPolicy
  readonly signal: AbortSignal
  readonly emit: Emit
}

interface WriterParts extends WriterOptions {
  readonly scope: string
  readonly patience: Patience
}

export function importWriter(options: WriterOptions): ImportWriter {
  const { name, signal, emit } = options
  const scope = workScope('import', name ?? '')
  const patience = createPatience({ relay: scope, timeoutMs: STORE_TIMEOUT_MS, signal, emit })
  const parts = { ...options, scope, patience }
  return name === undefined ? plainWriter(parts) : placedWriter(parts)
}

/** Without a place. */
function plainWriter(parts: WriterParts): ImportWriter {
  return {
    begin: async () => START,
    write: (write) => inSteps(parts, () => addAll(write, parts)),
    end: async () => {},
  }
}

const START: ImportPlace = { bytes: 0, lines: 0 }

/** The one row of the text's scope holds the place. Who has claimed it is the one who imports. */
function placedWriter(parts: WriterParts): ImportWriter {
  const { scope, store, version = '' } = parts
  const progress = patientStore(store.progress, { ...parts, relay: scope })
  let work: WorkClaim | undefined
  return {
    async begin() {
      work = await claimWork({
        ...parts,
        progress,
        row: 'pairs',
        start: placeText(START, version),
        isUsable: (cursor) => savedPlace(cursor)?.version === version,
      })
      if (work === undefined) return 'done elsewhere'
      return (work.cursor === undefined ? undefined : savedPlace(work.cursor)?.place) ?? START
    },
    async write(write) {
      const held = work
      if (held === undefined) throw new Error('An import writes between its begin and its end.')
      held.signal.throwIfAborted()
      let added: number | undefined
      await inSteps(parts, () =>
        held.advance(changeBy(write, parts), async (transaction) => {
          added = await addAll(write, parts, transaction)
        }),
      )
      return added
    },
    end: async () => work?.release(),
  }
}

function placeText(place: ImportPlace, version: string): string {
  return JSON.stringify({ version, ...place })
}

function savedPlace(cursor: string): { version: string; place: ImportPlace } | undefined {
  try {
    const { version, ...place }: ImportPlace & { version: string } = JSON.parse(cursor)
    return { version, place }
  } catch {
    return undefined
  }
}

function changeBy(
  { pairs, invalid, place, isLast }: ImportWrite,
  { version = '' }: WriterParts,
): PageProgress {
  const cursor = isLast ? undefined : placeText(place, version)
  return { pages: 1, cursor, imported: pairs, invalid }
}

/** In one order everywhere, so that two imports side by side wait for each other and do not deadlock. */
async function addAll(
  { byCollection }: ImportWrite,
  { store: { sink, progress }, scope: relay, signal }: WriterParts,
  transaction?: unknown,
): Promise<number | undefined> {
  const isShared = sink.database !== undefined && sink.database === progress.database
  const context = isShared ? { transaction, signal } : { signal }
  let added: number | undefined
  for (const collection of [...byCollection.keys()].sort()) {
    const result = await sink.add({ relay, collection, dids: byCollection.get(collection) ?? [] }, context)
    if (result !== undefined) added = (added ?? 0) + result.added
  }
  return added
}

/** Waits for a store that is unavailable, and repeats what failed otherwise. */
function inSteps<T>(
  { patience, retry, signal, emit, scope }: WriterParts,
  step: () => Promise<T>,
): Promise<T> {
  return retrying(() => patience.wait(step), {
    ...retry,
    signal,
    mayRetry: (error) => !isFinal(error) && !endsRun(error),
    onRetry: (failure) => emit({ type: 'retry', relay: scope, ...failure }),
  })
}
