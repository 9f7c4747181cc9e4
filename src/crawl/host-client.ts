import type { RepoLister, RepoPage } from '../contracts/repo-lister.ts'
import type { Answer, HttpClient } from '../http/client.ts'
import { createPacingAt, type Places, type Rate } from '../http/pacing.ts'
import type { Asked } from '../http/response-error.ts'
import { describeRepo, type RepoDescription } from './describe-repo.ts'
import type { HostAddress } from './host-address.ts'
import { parseHostPage } from './host-page.ts'
import { listHosts } from './hosts-of.ts'

export const LIST_REPOS = 'com.atproto.sync.listRepos'

/** One host, asked at its pace. Each call makes one attempt. */
export interface HostClient {
  /** Lists its active repos. */
  readonly lister: RepoLister
  describeRepo(did: string, signal: AbortSignal): Promise<RepoDescription>
  /** Whether it lists hosts, as relays do and hosts do not. */
  listsHosts(signal: AbortSignal): Promise<boolean>
  /** Whether it answers a request at all. */
  answers(signal: AbortSignal): Promise<boolean>
}

interface HostClientParts {
  readonly address: HostAddress
  readonly http: HttpClient
  /** Its own, and that of its group. */
  readonly rates: readonly Rate[]
  /** Those of all hosts together. */
  readonly places: Places
  readonly pageSize: number
  /** Called before each request: throws when the claim on the host does not hold any more. */
  mustHold(): void
}

export function createHostClient({
  address,
  rates,
  places,
  pageSize,
  ...parts
}: HostClientParts): HostClient {
  const { host, origin } = address
  const pacing = createPacingAt(host, rates, places)
  const paced = (signal: AbortSignal | undefined, send: () => Promise<Answer>) =>
    pacing.run(signal, () => {
      parts.mustHold()
      return send()
    })
  /** Every request, whatever it is for, keeps the pace. */
  const http: HttpClient = { get: (request) => paced(request.signal, () => parts.http.get(request)) }

  async function listRepos(limit: number, cursor?: string, signal?: AbortSignal): Promise<RepoPage> {
    const url = new URL(`/xrpc/${LIST_REPOS}`, origin)
    url.searchParams.set('limit', String(limit))
    if (cursor !== undefined) url.searchParams.set('cursor', cursor)
    const asked: Asked = { relay: host, url, collection: undefined, cursor }
    const { text } = await http.get({ ...asked, accept: 'application/json', signal })
    return parseHostPage(text, asked)
  }

  return {
    lister: {
      relay: host,
      pageSize,
      listRepos: ({ cursor, signal }) => listRepos(pageSize, cursor, signal),
      onPause: pacing.onPause,
      paced: pacing.run,
    },
    describeRepo: (did, signal) => describeRepo(http, { did, host, origin, signal }),
    listsHosts: (signal) =>
      isTrue(
        listHosts(http, { name: host, origin, pageSize: 1, cursor: undefined, signal }).then(
          ({ hosts }) => hosts.length > 0,
        ),
        signal,
      ),
    answers: (signal) =>
      isTrue(
        listRepos(1, undefined, signal).then(() => true),
        signal,
      ),
  }
}

/** An error counts as no. */
async function isTrue(answer: Promise<boolean>, signal: AbortSignal): Promise<boolean> {
  try {
    return await answer
  } catch {
    signal.throwIfAborted()
    return false
  }
}
