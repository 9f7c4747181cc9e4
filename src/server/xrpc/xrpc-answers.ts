import type { ServedRepos } from '../../contracts/repo-index.ts'

/** Any web page may read an answer. */
export const READABLE_BY_ALL: Readonly<Record<string, string>> = { 'access-control-allow-origin': '*' }

const JSON_HEADERS = { ...READABLE_BY_ALL, 'content-type': 'application/json' }

const encoder = new TextEncoder()
const BEFORE = encoder.encode('{"repos":')

export function xrpcAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return new Response(JSON.stringify(body), { status, headers: { ...JSON_HEADERS, ...headers } })
}

/** A page of repos, around the list as the index gives it: as text from a text, and as bytes from bytes. */
export function reposAnswer(json: ServedRepos['json'], cursor: string | undefined): Response {
  const behind = cursor === undefined ? '}' : `,"cursor":${JSON.stringify(cursor)}}`
  const body = typeof json === 'string' ? `{"repos":${json}${behind}` : surrounded(json, behind)
  return new Response(body, { headers: JSON_HEADERS })
}

function surrounded(list: Uint8Array, behind: string): Uint8Array<ArrayBuffer> {
  const end = encoder.encode(behind)
  const body = new Uint8Array(BEFORE.length + list.length + end.length)
  body.set(BEFORE)
  body.set(list, BEFORE.length)
  body.set(end, BEFORE.length + list.length)
  return body
}
