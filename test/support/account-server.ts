import type { RelayAccount } from '../../src/index.ts'
import { startServer, type TestServer } from './http-server.ts'

/** A server of accounts: what its list names, what it tells when it is asked for one, and what it was asked. */
export interface AccountServer extends TestServer {
  /** The DIDs that were looked up, in order. */
  readonly lookedUp: readonly string[]
}

export interface AccountServerParts {
  /** What the list names, in its order. May be another list for each walk. */
  readonly listed: readonly RelayAccount[]
  /** What it tells of an account that is asked for. @default what is on the list */
  readonly told?: ((did: string) => RelayAccount | undefined) | undefined
  /** The most entries of a page. @default 1000 */
  readonly pageSize?: number
  /** Called with each request before it is answered; what it returns is answered in place of the genuine answer. */
  readonly fault?: (request: URL) => { status: number; body: unknown } | undefined
}

/** Serves `com.atproto.sync.listRepos` and `getRepoStatus`. */
export async function startAccountServer(parts: AccountServerParts): Promise<AccountServer> {
  const { pageSize = 1000, fault } = parts
  const lookedUp: string[] = []
  const byDid = new Map(parts.listed.map((account) => [account.did, account]))
  const told = parts.told ?? ((did: string) => byDid.get(did))

  function answer(request: URL): { status: number; body: unknown } {
    const query = request.searchParams
    if (request.pathname === '/xrpc/com.atproto.sync.listRepos') {
      const from = Number(query.get('cursor') ?? 0)
      const end = from + Math.min(pageSize, Number(query.get('limit')))
      const repos = parts.listed.slice(from, end)
      return { status: 200, body: end < parts.listed.length ? { repos, cursor: String(end) } : { repos } }
    }
    if (request.pathname !== '/xrpc/com.atproto.sync.getRepoStatus')
      return { status: 404, body: { error: 'NotFound' } }
    const did = query.get('did') ?? ''
    lookedUp.push(did)
    const account = told(did)
    return account === undefined
      ? { status: 400, body: { error: 'RepoNotFound', message: 'no such repo' } }
      : { status: 200, body: account }
  }

  const server = await startServer((incoming, response) => {
    const request = new URL(incoming.url ?? '', 'http://loopback')
    const { status, body } = fault?.(request) ?? answer(request)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  return Object.assign(server, { lookedUp })
}
