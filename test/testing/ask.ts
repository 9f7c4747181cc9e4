import type { ListReposPage } from '../../src/testing/index.ts'

/** One request to a relay, without any of the library's own client. */
export async function ask(
  relay: { url: string },
  query: Record<string, string>,
  init: RequestInit = {},
): Promise<{
  status: number
  headers: Headers
  json: { error?: string; message?: string } & Partial<ListReposPage>
}> {
  const response = await send(relay, query, init)
  return { status: response.status, headers: response.headers, json: await response.json() }
}

export function send(
  relay: { url: string },
  query: Record<string, string>,
  init: RequestInit = {},
): Promise<Response> {
  const url = `${relay.url}/xrpc/com.atproto.sync.listReposByCollection?${new URLSearchParams(query)}`
  return fetch(url, init)
}

export async function page(relay: { url: string }, query: Record<string, string>): Promise<ListReposPage> {
  const { status, json } = await ask(relay, query)
  if (status !== 200 || json.repos === undefined)
    throw new Error(`No page: ${status} ${JSON.stringify(json)}`)
  return { ...json, repos: json.repos }
}

/** Every page of a collection, until no cursor comes. */
export async function pagesOf(
  relay: { url: string },
  collection: string,
  limit: number,
): Promise<ListReposPage[]> {
  const pages: ListReposPage[] = []
  let cursor: string | undefined
  do {
    const next = await page(relay, {
      collection,
      limit: String(limit),
      ...(cursor === undefined ? {} : { cursor }),
    })
    pages.push(next)
    cursor = next.cursor
  } while (cursor !== undefined)
  return pages
}
