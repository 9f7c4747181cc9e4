import type { ServedRepos } from '../../contracts/repo-index.ts'
import type { PlainAnswer } from '../responses.ts'

/** Any web page may read an answer. */
export const READABLE_BY_ALL: Readonly<Record<string, string>> = { 'access-control-allow-origin': '*' }

const JSON_HEADERS = { ...READABLE_BY_ALL, 'content-type': 'application/json' }

const encoder = new TextEncoder()
const BEFORE = encoder.encode('{"repos":')

export function xrpcAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): PlainAnswer {
  return { status, headers: { ...JSON_HEADERS, ...headers }, body: JSON.stringify(body) }
}

/** A page of repos, around the list as the index gives it. Its bytes: Node writes a long text in twice the time of them. */
export function reposAnswer(json: ServedRepos['json'], cursor: string | undefined): PlainAnswer {
  const behind = cursor === undefined ? '}' : `,"cursor":${JSON.stringify(cursor)}}`
  const body =
    typeof json === 'string' ? encoder.encode(`{"repos":${json}${behind}`) : surrounded(json, behind)
  return { status: 200, headers: JSON_HEADERS, body }
}

function surrounded(list: Uint8Array, behind: string): Uint8Array<ArrayBuffer> {
  const end = encoder.encode(behind)
  const body = new Uint8Array(BEFORE.length + list.length + end.length)
  body.set(BEFORE)
  body.set(list, BEFORE.length)
  body.set(end, BEFORE.length + list.length)
  return body
}
