import type { ProgressStore } from '../../contracts/progress-store.ts'
import { isBackfillError } from '../../errors.ts'
import { createHttpClient } from '../../http/client.ts'
import { relayUrl } from '../../http/server-url.ts'
import { relayLister } from '../../relay/relay-lister.ts'
import { abortable } from '../../util/abort.ts'
import { count, duration, plural } from '../../util/format.ts'
import { type Finding, type Looks, look } from './findings.ts'

/** By so much a clock may be off before it is told, in milliseconds: the header has whole seconds. */
const CLOCK_MS = 10_000

interface RelayParts extends Looks {
  readonly pageSize?: number | undefined
  readonly checkCollection?: string | false | undefined
  /** Where an earlier run may have kept that the relay wants no request now. */
  readonly progress: ProgressStore | undefined
}

/** Whether a relay can be read: by the check of a run, by its directory, and by its clock. */
export async function checkRelayHealth(address: string, parts: RelayParts): Promise<readonly Finding[]> {
  const { relay, origin } = relayUrl(address)
  const subject = `relay ${relay}`
  const { relayPauseMs = 0 } = (await parts.progress?.remaining(relay).catch(() => undefined)) ?? {}
  if (relayPauseMs > 0) {
    const found = `it asked an earlier run to wait, for ${duration(relayPauseMs)} from now, and was not asked`
    return [{ subject, state: 'warn', found, advice: 'Runs wait by themselves. Ask the doctor again then.' }]
  }
  const { pageSize, checkCollection } = parts
  const lister = relayLister(address, { pageSize, checkCollection })
  const lists = await look(subject, parts, async (signal) => {
    const startedAt = performance.now()
    await abortable(Promise.resolve(lister.check?.({ signal })), signal)
    const took = count(performance.now() - startedAt)
    const what =
      lister.check === undefined ? 'not checked' : `serves listReposByCollection; a page took ${took} ms`
    return { subject, state: 'ok', found: what }
  })
  if (lists.some(({ state }) => state === 'fail')) return lists
  const directory = await look(`directory of ${relay}`, parts, (signal) => directoryFinding(lister, signal), {
    state: 'warn',
    advice: 'A run goes on without it: then sizes and the time left are not known beforehand.',
  })
  const clock = await look(
    `clock against ${relay}`,
    parts,
    (signal) => clockFinding({ relay, origin }, signal),
    {
      state: 'warn',
    },
  )
  return [...lists, ...directory, ...clock]
}

async function directoryFinding(
  { relay, directory }: ReturnType<typeof relayLister>,
  signal: AbortSignal,
): Promise<Finding> {
  const subject = `directory of ${relay}`
  let [collections, repos] = [0, 0]
  try {
    for await (const { estimatedRepos = 0 } of directory?.collections({ signal }) ?? []) {
      collections += 1
      repos += estimatedRepos
    }
  } catch (error) {
    if (!isBackfillError(error, 'RELAY_STATUS') || error.retryable) throw error
    return { subject, state: 'ok', found: 'it has none, which is usual: names come from lexicon.garden' }
  }
  return { subject, state: 'ok', found: `${plural(collections, 'collection')} with ${count(repos)} pairs` }
}

/** A clock that is off makes waits that a server asks for by the time of day too long or too short. */
async function clockFinding(
  { relay, origin }: ReturnType<typeof relayUrl>,
  signal: AbortSignal,
): Promise<Finding> {
  const subject = `clock against ${relay}`
  const startedAt = Date.now()
  const dated = await dateOf({ relay, origin }, signal)
  if (Number.isNaN(dated)) return { subject, state: 'ok', found: 'the relay does not tell its time' }
  const offMs = (startedAt + Date.now()) / 2 - dated
  if (Math.abs(offMs) < CLOCK_MS) return { subject, state: 'ok', found: 'they agree' }
  const found = `this machine is ${duration(Math.abs(offMs))} ${offMs > 0 ? 'ahead of' : 'behind'} the relay`
  const advice = 'Set the clock (NTP): waits that servers ask for by the time of day are off by as much.'
  return { subject, state: 'warn', found, advice }
}

/** Any answer has the header, one that refuses the request as well: the least request there is. */
async function dateOf({ relay, origin }: ReturnType<typeof relayUrl>, signal: AbortSignal): Promise<number> {
  let date: string | null = null
  const http = createHttpClient({
    async fetch(input, init) {
      const response = await fetch(input, init)
      date = response.headers.get('date')
      return response
    },
  })
  const url = new URL('/xrpc/_health', origin)
  const asked = { relay, url, collection: undefined, cursor: undefined, accept: 'application/json', signal }
  await http.get(asked).catch((error: unknown) => {
    if (date === null) throw error
  })
  return Date.parse(date ?? '')
}
