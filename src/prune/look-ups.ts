import pLimit from 'p-limit'
import type { RelayAccount } from '../contracts/account-lister.ts'
import { isBackfillError } from '../errors.ts'
import { abortable } from '../util/abort.ts'
import { isFinal, LONGEST_WAIT_MS, retrying } from '../util/retry.ts'
import { checkAccount } from './check-accounts.ts'
import type { AccountParts } from './listed-accounts.ts'

/** After that many accounts in a row of which the relay gives none, it is taken for one that answers no such question. */
const FAILURES_BEFORE_DOUBT = 10

const ACCOUNT_STATUS = 'com.atproto.sync.getRepoStatus'

/** Asks a server for single accounts. */
export interface LookUps {
  /**
   * What the server says of each account, side by side: nothing for one that it does not know. An account that it will
   * not tell of is left out.
   *
   * @throws the server's error when it does not answer such questions at all, or not at the moment
   */
  ask(dids: readonly string[]): Promise<ReadonlyMap<string, RelayAccount | undefined>>
}

export function createLookUps({
  concurrency,
  ...parts
}: AccountParts & { readonly concurrency: number }): LookUps {
  const limit = pLimit(concurrency)
  let answered = 0
  let failuresInARow = 0

  async function askFor(did: string): Promise<{ account: RelayAccount | undefined } | undefined> {
    try {
      const account = await fetchAccount(did, parts)
      answered += 1
      failuresInARow = 0
      return { account }
    } catch (error) {
      parts.signal.throwIfAborted()
      failuresInARow += 1
      const isDoubtful = failuresInARow >= FAILURES_BEFORE_DOUBT
      // A server refuses one odd name for good; one that refuses every name does not serve the method.
      if (isFinal(error) && (answered > 0 || !isDoubtful)) return undefined
      // It may fail for one account for ever; one that fails for all of them is out of order.
      if (isAnswer(error) && !isDoubtful) return undefined
      throw error
    }
  }

  return {
    async ask(dids) {
      const told = new Map<string, RelayAccount | undefined>()
      const asked = dids.map((did) =>
        limit(async () => {
          const answer = await askFor(did)
          if (answer !== undefined) told.set(did, answer.account)
        }),
      )
      try {
        await Promise.all(asked)
      } finally {
        limit.clearQueue()
      }
      return told
    },
  }
}

/** Whether a server was reached and answered, though not as it should. */
function isAnswer(error: unknown): boolean {
  if (isBackfillError(error, 'RELAY_STATUS')) return error.status !== 429
  return isBackfillError(error, 'RELAY_BAD_ANSWER')
}

function fetchAccount(did: string, { accounts, retry, signal, emit }: AccountParts) {
  let badAnswers = 0
  const attempt = async () => {
    const account = await abortable(accounts.accountOf(did, { signal }), signal)
    return account === undefined ? undefined : checkAccount(account, did, accounts.relay)
  }
  return retrying(attempt, {
    ...retry,
    longestWaitMs: LONGEST_WAIT_MS,
    signal,
    mayRetry(error) {
      if (isBackfillError(error, 'RELAY_BAD_ANSWER')) return ++badAnswers <= 2
      return !isFinal(error)
    },
    onRetry: (context) => emit({ type: 'retry', relay: accounts.relay, source: ACCOUNT_STATUS, ...context }),
  })
}
