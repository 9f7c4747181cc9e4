import type { RepoPage } from '../contracts/repo-lister.ts'
import { RelayError, RelayUnsuitableError } from '../errors.ts'

/** How a relay is asked by a check. */
export interface CheckParts {
  /** {@link RepoLister.relay} */
  readonly relay: string
  readonly pageSize: number
  readonly signal: AbortSignal | undefined
  /** The first page of a collection. */
  firstPage(collection: string, pageSize: number): Promise<RepoPage>
}

export const METHOD = 'com.atproto.sync.listReposByCollection'

/** The largest `limit` that the method's lexicon allows. */
export const LEXICON_MAX_PAGE_SIZE = 2000

/** Page sizes that a relay may allow if it refuses a larger one; 500 is the default of the method's lexicon. */
const SMALLER_PAGE_SIZES: readonly number[] = [1000, 500, 100]

/** What servers without the method answer to it, or a proxy in their place. */
const NO_METHOD_STATUSES: readonly (number | undefined)[] = [400, 403, 404, 405, 501]

/**
 * Asks for the first page of each collection in turn, until one has a repo.
 *
 * @throws RelayUnsuitableError when none has, or the relay does not serve the method or the page size
 */
export async function checkCollections(collections: readonly string[], parts: CheckParts): Promise<void> {
  let refusal: RelayError | undefined
  let empty: string | undefined
  for (const collection of collections) {
    try {
      const { dids, invalid = 0, inactive = 0 } = await parts.firstPage(collection, parts.pageSize)
      if (dids.length + invalid + inactive > 0) return
      empty ??= collection
    } catch (error) {
      parts.signal?.throwIfAborted()
      if (!isWithoutMethod(error)) throw error
      refusal ??= error
    }
  }
  if (empty !== undefined || refusal === undefined) throw emptyError(parts.relay, collections)
  throw (await pageSizeError(refusal, parts)) ?? noMethodError(refusal, parts)
}

function isWithoutMethod(error: unknown): error is RelayError {
  return (
    error instanceof RelayError &&
    error.code === 'RELAY_STATUS' &&
    // A 403 that says when to come back is a wait.
    !error.retryable &&
    NO_METHOD_STATUSES.includes(error.status)
  )
}

/** Whether the relay answers smaller pages: an error that says so; nothing where that is not it. */
async function pageSizeError(
  cause: RelayError,
  { relay, pageSize, signal, firstPage }: CheckParts,
): Promise<RelayUnsuitableError | undefined> {
  const { collection, status, error, serverMessage } = cause
  if (status !== 400 || collection === undefined) return undefined
  for (const smaller of SMALLER_PAGE_SIZES.filter((size) => size < pageSize)) {
    const isAnswered = await firstPage(collection, smaller).then(
      () => true,
      () => false,
    )
    signal?.throwIfAborted()
    if (!isAnswered) continue
    return new RelayUnsuitableError(
      'page-size',
      `${relay} refuses a page of ${pageSize}: it answered 400${said(cause)} for ${collection}, and a page of ` +
        `${smaller} it gives. Set pageSize to ${smaller}; on the command line, use --page-size ${smaller}.`,
      { relay, collection, status, error, serverMessage, cause },
    )
  }
  return undefined
}

function noMethodError(cause: RelayError, { relay, pageSize }: CheckParts): RelayUnsuitableError {
  const { collection, status, error, serverMessage } = cause
  const pageSizeHint =
    status === 400 && pageSize > LEXICON_MAX_PAGE_SIZE
      ? ` It may be the pageSize of ${pageSize}: the lexicon allows ${LEXICON_MAX_PAGE_SIZE}.`
      : ''
  return new RelayUnsuitableError(
    'no-method',
    `${relay} does not serve ${METHOD}: it answered ${status}${said(cause)} for ${collection}. ` +
      `Use a relay with a collection index.${pageSizeHint}`,
    { relay, collection, status, error, serverMessage, cause },
  )
}

function said({ error, serverMessage }: RelayError): string {
  const words = [error, serverMessage].filter((part) => part !== undefined).join(': ')
  return words === '' ? '' : ` (${words})`
}

function emptyError(relay: string, [collection = '', ...more]: readonly string[]): RelayUnsuitableError {
  const which =
    more.length === 0
      ? `${collection}, which every populated relay has`
      : `${[collection, ...more].join(', ')}, of which a relay has at least one`
  return new RelayUnsuitableError(
    'empty',
    `${relay} lists no repository for ${which}: a relay that only passes the firehose on answers an empty list for ` +
      'everything. Use a relay with a collection index. Where the network is a private one, set checkCollection to a ' +
      'collection that it has, or to false; on the command line, use --check-collection NSID or --no-check.',
    { relay, collection },
  )
}
