import { versions } from 'node:process'
import type { OpenedStore } from '../../contracts/opened-store.ts'
import { relayUrl } from '../../http/server-url.ts'
import { isRelayScope } from '../../util/scopes.ts'
import { printable } from '../../util/text.ts'
import type { RelayOptions, RequestOptions } from '../command-options.ts'
import { type Context, EXIT } from '../context.ts'
import type { Database } from '../database.ts'
import { checkContents, checkDatabase } from '../doctor/database-checkup.ts'
import type { Finding, Looks } from '../doctor/findings.ts'
import { checkRelayHealth } from '../doctor/relay-checkup.ts'
import { checkGarden, checkPlc } from '../doctor/service-checkup.ts'
import { eventWriter } from '../output/json-lines.ts'
import { screenOf } from '../output/screen.ts'
import { painter, type Tone } from '../output/terminal-format.ts'
import { wrap } from '../output/terminal-text.ts'

export interface DoctorOptions extends RelayOptions, RequestOptions {
  readonly plc?: string
  readonly garden?: string
  readonly json?: boolean
}

/** Looks at everything that a run needs, and says what to do. @returns the exit code: 1 where something fails */
export async function doctor(options: DoctorOptions, database: Database, context: Context): Promise<number> {
  const parts: Looks = { signal: context.interruption.signal }
  const findings: Finding[] = []
  const tell = teller(options, context)
  const add = (found: readonly Finding[]) => {
    findings.push(...found)
    for (const finding of found) tell(finding)
  }
  add([{ subject: 'Node', state: 'ok', found: `version ${versions.node}` }])
  const place = await checkDatabase(database, parts)
  add(place)
  const isUsable = place.every(({ state }) => state !== 'fail')
  const { findings: contents, store } = isUsable
    ? await checkContents(database, parts)
    : { findings: [], store: undefined }
  try {
    add(contents)
    add(await checkRelays(options, store, parts))
  } finally {
    await store?.close()
  }
  // Awaited together: one that an interruption ends must not be left without a listener.
  const services = [checkGarden(options.garden, parts), checkPlc(options.plc ?? 'plc.directory', parts)]
  for (const found of await Promise.all(services)) add(found)
  return findings.some(({ state }) => state === 'fail') ? EXIT.incomplete : EXIT.complete
}

/** The relays that are named, or those of the runs on this database. */
async function checkRelays(
  options: DoctorOptions,
  store: OpenedStore | undefined,
  parts: Looks,
): Promise<readonly Finding[]> {
  const known = options.relay ?? (await knownRelays(store))
  if (known.length === 0) {
    const advice = 'Name the one of your runs with --relay HOST.'
    return [{ subject: 'relay', state: 'warn', found: 'none was named, so none was asked', advice }]
  }
  const relays = known.filter(isAddress)
  const { pageSize, checkCollection, check } = options
  const how = {
    pageSize,
    checkCollection: check === false ? (false as const) : checkCollection,
    progress: store?.progress,
  }
  const findings = await Promise.all(relays.map((relay) => checkRelayHealth(relay, { ...parts, ...how })))
  return [...known.filter((relay) => !isAddress(relay)).map(unaskable), ...findings.flat()]
}

/** Those of the runs on this database. One that cannot be read has been told by then. */
async function knownRelays(store: OpenedStore | undefined): Promise<string[]> {
  const rows = (await store?.progress.list().catch(() => [])) ?? []
  return [...new Set(rows.map(({ relay }) => relay).filter(isRelayScope))]
}

/** A program's own lister may be called anything. */
function isAddress(relay: string): boolean {
  try {
    return relayUrl(relay).relay !== ''
  } catch {
    return false
  }
}

function unaskable(relay: string): Finding {
  const advice = 'A program of yours reads it. To ask another one, name it with --relay HOST.'
  return {
    subject: `relay ${relay}`,
    state: 'warn',
    found: 'its name is no address, so it was not asked',
    advice,
  }
}

const MARKS: Readonly<Record<Finding['state'], { mark: string; tone: Tone }>> = {
  ok: { mark: '✓', tone: 'green' },
  warn: { mark: '!', tone: 'yellow' },
  fail: { mark: '✗', tone: 'red' },
}

/** Tells each finding when it comes: an object in a line, or for people. */
function teller({ json }: DoctorOptions, { out, env, debug }: Context): (finding: Finding) => void {
  if (json) {
    const write = eventWriter(out, debug)
    return (finding) => write('finding', finding)
  }
  return ({ subject, state, found, advice }) => {
    const screen = screenOf(out, env)
    const paint = painter(screen.color)
    const { mark, tone } = MARKS[state]
    const said = `${printable(subject)}: ${printable(found)}.${advice === undefined ? '' : ` ${printable(advice)}`}`
    const [first = '', ...rest] = wrap(said, screen.columns - 3)
    out.write(`${[`${paint(tone, mark)} ${first}`, ...rest.map((line) => `  ${line}`)].join('\n')}\n`)
  }
}
