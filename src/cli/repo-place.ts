import type { Emit } from '../contracts/events.ts'
import type { Claim, ProgressStore } from '../contracts/progress-store.ts'
import { createClaimQueue } from '../run/claim-queue.ts'
import { keepLease } from '../run/lease.ts'
import { RELEASE_MS } from '../run/patient-store.ts'
import { settledWithin } from '../util/abort.ts'
import { workScope } from '../util/scopes.ts'

/** How far a file of repos is, in the database of its index, and the right to go on with it. */
export interface RepoPlace {
  /** Aborts when another process took the file over. */
  readonly signal: AbortSignal
  /** How many repos of the file are done. */
  readonly done: number
  save(done: number): Promise<void>
  /** The file is done: the next time it begins anew. */
  complete(): Promise<void>
  /** Keeps how far it came, and lets another one go on. */
  release(done: number): Promise<void>
}

interface PlaceParts {
  readonly progress: ProgressStore
  /** What the file is called, and which version of it this is. */
  readonly file: { readonly name: string; readonly version: string }
  readonly signal: AbortSignal
  readonly emit: Emit
}

/** What the one row of a file's scope is called. */
const ROW = 'repos'

/** How long a silent process keeps its claim, in milliseconds. */
const LEASE_MS = 60_000

/** @returns nothing when another process has done the file to its end meanwhile */
export async function claimRepoPlace(parts: PlaceParts): Promise<RepoPlace | undefined> {
  const { progress, file, signal } = parts
  const begun = await claimRow(parts)
  if (begun === undefined) return undefined
  let { claim } = begun
  const lease = keepLease(claim, progress, signal)
  const advance = async (done: number | undefined) => {
    const cursor = done === undefined ? undefined : JSON.stringify({ version: file.version, done })
    claim = await progress.advance(claim, { pages: 1, cursor, imported: 0, invalid: 0 })
  }
  return {
    signal: lease.signal,
    done: begun.done,
    save: advance,
    complete: () => advance(undefined),
    async release(done) {
      lease.letGo()
      await settledWithin(RELEASE_MS, advance(done))
      await settledWithin(RELEASE_MS, progress.release(claim))
    },
  }
}

/** A file that has changed since begins anew. */
async function claimRow({
  progress,
  file,
  signal,
  emit,
}: PlaceParts): Promise<{ claim: Claim; done: number } | undefined> {
  const relay = workScope('index', file.name)
  const [row] = await progress.list({ relay })
  if (row?.state === 'complete') await progress.reset(relay)
  else await progress.register(relay, [{ nsid: ROW }])
  const queue = createClaimQueue({ relay, progress, leaseMs: LEASE_MS, signal, emit })
  for (;;) {
    const claim = await queue.next()
    if (claim === undefined) return undefined
    if (claim.cursor === undefined) return { claim, done: 0 }
    const { version, done } = savedPlace(claim.cursor)
    if (version === file.version) return { claim, done }
    await progress.release(claim)
    await progress.reset(relay)
  }
}

function savedPlace(cursor: string): { version?: string; done: number } {
  try {
    const { version, done }: { version: string; done: unknown } = JSON.parse(cursor)
    return Number.isSafeInteger(done) ? { version, done: Number(done) } : { done: 0 }
  } catch {
    return { done: 0 }
  }
}
