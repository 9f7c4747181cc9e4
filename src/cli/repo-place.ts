import type { Emit } from '../contracts/events.ts'
import type { ProgressStore } from '../contracts/progress-store.ts'
import { RELEASE_MS } from '../run/patient-store.ts'
import { claimWork } from '../run/work-claim.ts'
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
  /** What the file is called, and which version of it this is: a file that has changed since begins anew. */
  readonly file: { readonly name: string; readonly version: string }
  readonly signal: AbortSignal
  readonly emit: Emit
}

/** @returns nothing when another process has done the file to its end meanwhile */
export async function claimRepoPlace({ file, ...parts }: PlaceParts): Promise<RepoPlace | undefined> {
  const { name, version } = file
  const work = await claimWork({
    ...parts,
    scope: workScope('index', name),
    row: 'repos',
    start: placeText(version, 0),
    isUsable: (cursor) => savedPlace(cursor).version === version,
  })
  if (work === undefined) return undefined
  const advance = (cursor: string | undefined) => work.advance({ pages: 1, cursor, imported: 0, invalid: 0 })
  const save = (done: number) => advance(placeText(version, done))
  return {
    signal: work.signal,
    done: work.cursor === undefined ? 0 : savedPlace(work.cursor).done,
    save,
    complete: () => advance(undefined),
    async release(done) {
      await settledWithin(RELEASE_MS, save(done))
      await work.release()
    },
  }
}

function placeText(version: string, done: number): string {
  return JSON.stringify({ version, done })
}

function savedPlace(cursor: string): { version?: string; done: number } {
  try {
    const { version, done }: { version: string; done: unknown } = JSON.parse(cursor)
    return Number.isSafeInteger(done) ? { version, done: Number(done) } : { done: 0 }
  } catch {
    return { done: 0 }
  }
}
