import type { RepoIndex } from '../../contracts/repo-index.ts'
import { withDeadline } from '../../util/abort.ts'
import { VERSION } from '../../util/version.ts'

/** How long the database may take for a look at it, in milliseconds, and how long what was seen holds. */
const LOOK_MS = 2_000
const HOLDS_MS = 1_000

/** What a client may do after a 503, in seconds. */
const RETRY_SECONDS = 5

/** What health tells beside the database; none of it makes it worse, for what is in the index is served all the same. */
export interface ServeHealth {
  readonly feed: string
  readonly backlog: string
}

/**
 * Answers whether requests are answered: 200 with the version, as servers of atproto do, or 503 where the index cannot be
 * read. However many ask, the database is looked at once a second.
 */
export function healthCheck(
  index: () => Pick<Required<RepoIndex>, 'listCollections'> | undefined,
  told: () => ServeHealth,
): () => Promise<Response> {
  let last: { readonly at: number; readonly isReadable: Promise<boolean> } | undefined

  async function look(): Promise<boolean> {
    const opened = index()
    if (opened === undefined) return false
    const signal = AbortSignal.timeout(LOOK_MS)
    try {
      await withDeadline(opened.listCollections({ limit: 1, signal }), LOOK_MS, () => new Error('late'))
      return true
    } catch {
      return false
    }
  }

  return async () => {
    if (last === undefined || performance.now() - last.at > HOLDS_MS)
      last = { at: performance.now(), isReadable: look() }
    const isReadable = await last.isReadable
    const body = { version: VERSION, status: isReadable ? 'ok' : 'error', ...told() }
    if (isReadable) return Response.json(body)
    const message = 'The index cannot be read at the moment'
    const headers = { 'retry-after': String(RETRY_SECONDS) }
    return Response.json({ ...body, message }, { status: 503, headers })
  }
}
