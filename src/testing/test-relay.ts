import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidOptionError } from '../errors.ts'
import { type OptionNames, refuseUnknown } from '../util/validate-options.ts'
import { checkNumber, type RelayContents, type RelayContentsOptions, relayContents } from './contents.ts'
import type { RelayRequest, RelayScript } from './relay-script.ts'
import { requestLog } from './request-log.ts'
import { answerUnder, GARDEN_PATH, genuineAnswer } from './scripted-answers.ts'
import { closeAll, listen, scriptedServer } from './scripted-server.ts'
import { send } from './transfer.ts'

/** What a test relay holds, and how it answers. */
export interface TestRelayOptions extends RelayContentsOptions {
  /** What `/llms.txt` lists. @default every collection */
  garden?: readonly string[] | undefined
  /** The port on 127.0.0.1. @default 0, any free one */
  port?: number | undefined
  /** The largest page; a larger `limit` is cut down to it. @default 10000, as collectiondir has it */
  maxLimit?: number | undefined
  /** How long each answer takes, in milliseconds. @default 0 */
  latencyMs?: number | ((request: RelayRequest) => number) | undefined
  /** What goes wrong, request by request. @default nothing */
  script?: RelayScript | undefined
}

const OPTIONS: OptionNames<TestRelayOptions> = {
  collections: true,
  seed: true,
  accounts: true,
  garden: true,
  port: true,
  maxLimit: true,
  latencyMs: true,
  script: true,
}

/** A relay on a loopback port, and what it was asked. */
export interface TestRelay extends RelayContents, AsyncDisposable {
  /** Its origin: `http://127.0.0.1:49152`. */
  readonly url: string
  /** Its `llms.txt`. */
  readonly gardenUrl: string
  /** Every request so far, in the order of arrival. */
  readonly requests: readonly RelayRequest[]
  /** Those for a collection. */
  requestsOf(collection: string): RelayRequest[]
  /** How many requests are being answered at the moment. */
  readonly inFlight: number
  /** The most that there were at the same time. */
  readonly maxInFlight: number
  /**
   * Builds its database anew, at once, as that of a relay which is restored or replaced: the same repos, each collection
   * under another private number, from the last to the first. Cursors of before are taken as they come: of one
   * collection they give an early end, of another other collections' DIDs. Collections that were generated are listed in
   * another order from now on, given ones in the same.
   *
   * @param options.cut whether every connection breaks, in mid-answer too. @default false
   */
  rebuild(options?: { cut?: boolean }): void
  /** Ends every connection at once. `await using` does the same. @throws what the script threw first */
  close(): Promise<void>
}

/**
 * Starts a relay that answers `com.atproto.sync.listReposByCollection` as collectiondir does, with its cursors, and `/llms.txt` as
 * lexicon garden does. What it holds follows from the options alone, so a relay that is started again with the same
 * ones honours the cursors of the first; it is generated on the fly, so ten million repos take no memory.
 *
 * @throws InvalidOptionError
 */
export async function startRelay(options: TestRelayOptions): Promise<TestRelay> {
  refuseUnknown(options, OPTIONS)
  const {
    port = 0,
    maxLimit = 10_000,
    garden = Object.keys(options.collections),
    latencyMs = 0,
    script,
  } = options
  checkNumber('port', 'a port, or 0 for any free one', port, 0, 65_535)
  checkNumber('maxLimit', 'a positive integer', maxLimit, 1, Number.MAX_SAFE_INTEGER)
  if (typeof latencyMs === 'number' && !(latencyMs >= 0)) {
    throw new InvalidOptionError('latencyMs', 'zero or more milliseconds, or a function', latencyMs)
  }
  const contents = relayContents(options)
  const log = requestLog(contents, maxLimit)
  const closing = new AbortController()
  const pause = (ms: number) => sleep(ms, undefined, { signal: closing.signal })

  const server = scriptedServer(closing.signal, async (incoming, response) => {
    const request = log.note(incoming)
    const fault = await script?.(request)
    const latency = typeof latencyMs === 'function' ? latencyMs(request) : latencyMs
    const wait = latency + (fault?.delayMs ?? 0)
    if (wait > 0) await pause(wait)
    if (response.destroyed) return
    await send(response, answerUnder(fault, genuineAnswer(request, contents, garden)), fault, pause)
  })
  const url = `http://127.0.0.1:${await listen(server.http, port)}`
  const close = async () => {
    closing.abort()
    await closeAll(server.http)
    if (server.errors.length > 0) throw server.errors[0]
  }
  return {
    collections: contents.collections,
    size: contents.size,
    dids: contents.dids,
    cursorAt: contents.cursorAt,
    url,
    gardenUrl: `${url}${GARDEN_PATH}`,
    requests: log.requests,
    requestsOf: (collection) => log.requests.filter((request) => request.collection === collection),
    get inFlight() {
      return server.load.now
    },
    get maxInFlight() {
      return server.load.peak
    },
    rebuild({ cut = false } = {}) {
      contents.rebuild()
      if (cut) server.http.closeAllConnections()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}
