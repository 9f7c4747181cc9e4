import { isValidDid, isValidNsid } from '@atproto/syntax'
import { hasTooManyValues } from '../http/json-size.ts'
import { accountState, type FeedNews, INVALID, revOf } from './feed-news.ts'

/**
 * Reads one message of a Jetstream: one record of a commit, or an account's state, as JSON. It proves nothing, so a
 * record that is deleted leaves open whether it was the last of its collection.
 */
export function readJetstream(data: Uint8Array | string): FeedNews {
  try {
    if (typeof data !== 'string' || hasTooManyValues(data)) return INVALID
    return newsOf(JSON.parse(data))
  } catch {
    return INVALID
  }
}

type Body = Readonly<Record<string, unknown>>

/** @throws TypeError when the message is no object */
function newsOf({ did, time_us: seq, kind, commit, account }: Body): FeedNews {
  if (typeof seq !== 'number' || !Number.isSafeInteger(seq)) return INVALID
  const told = { seq, time: seq / 1_000 }
  if (typeof did !== 'string' || !isValidDid(did)) return { kind: 'invalid', ...told }
  if (kind === 'account') {
    const { active, status } = account as Body
    return { kind: 'account', ...told, did, ...accountState(active, status) }
  }
  if (kind !== 'commit') return { kind: 'other', ...told }
  const { rev, operation, collection } = commit as Body
  const name = typeof collection === 'string' && isValidNsid(collection) ? [collection] : []
  const isWrite = operation === 'create' || operation === 'update'
  const isKnown = isWrite || operation === 'delete'
  return {
    kind: 'commit',
    ...told,
    did,
    rev: revOf(rev),
    written: isWrite ? name : [],
    emptied: [],
    unproven: operation === 'delete' ? name : [],
    isCut: false,
    invalid: name.length === 0 || !isKnown ? 1 : 0,
  }
}
