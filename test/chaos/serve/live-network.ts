import { createLiveRepo, type Firehose, type FirehoseMessage, type LiveRepo } from '../../support/firehose.ts'
import type { Random } from '../random.ts'

/** What relay and feed have said together: for each collection, the repos that are in it. */
export type Truth = ReadonlyMap<string, ReadonlySet<string>>

/** Accounts that go on writing while the backlog is imported, and what a directory of them has to hold. */
export interface LiveNetwork {
  /** Something happens: a commit, or an account that is deleted or deactivated. */
  step(): Promise<void>
  /** The pair that says that all before it was read. @returns its collection */
  mark(): Promise<string>
  /** Such a pair was told while it was not certain that the feed is followed, and is not expected. */
  unmark(collection: string): void
  readonly truth: Truth
  readonly figures: Readonly<LiveFigures>
  /** What was told of an account, in order. */
  historyOf(did: string): readonly string[]
}

export interface LiveFigures {
  commits: number
  /** Pairs that the relay lists and the feed has told to be gone. */
  backlogGone: number
  deletedAccounts: number
}

interface Writer {
  readonly repo: LiveRepo
  /** The keys of its records, by collection. */
  readonly records: Map<string, string[]>
}

const MARKER = 'com.example.marker'

/**
 * @param listed what the relay lists, for ever
 * @param dids who writes: some of those, and newcomers
 */
export async function liveNetwork(
  firehose: Pick<Firehose, 'send'>,
  listed: Readonly<Record<string, readonly string[]>>,
  dids: readonly string[],
  random: Random,
): Promise<LiveNetwork> {
  const truth = new Map(Object.entries(listed).map(([nsid, repos]) => [nsid, new Set(repos)]))
  const [markerDid = '', ...others] = dids
  const writers = await Promise.all(others.map(writerOf))
  const marking = await writerOf(markerDid)
  const collections = [...Object.keys(listed), 'com.example.new', 'org.example.newer']
  const figures: LiveFigures = { commits: 0, backlogGone: 0, deletedAccounts: 0 }
  const histories = new Map<string, string[]>()
  let made = 0

  function send(did: string, what: string, message: FirehoseMessage): void {
    const seq = firehose.send(message)
    histories.set(did, [...(histories.get(did) ?? []), `${seq} ${what}`])
  }

  async function create(writer: Writer, collection: string): Promise<void> {
    made += 1
    const rkey = `r${made}`
    const { did } = writer.repo
    send(did, `create ${collection}`, await writer.repo.commit([{ action: 'create', collection, rkey }]))
    writer.records.set(collection, [...(writer.records.get(collection) ?? []), rkey])
    const repos = truth.get(collection) ?? new Set()
    truth.set(collection, repos.add(did))
    figures.commits += 1
  }

  /** The last record of a collection, or one of several. */
  async function remove(writer: Writer, collection: string): Promise<void> {
    const [rkey = '', ...left] = writer.records.get(collection) ?? []
    const { did } = writer.repo
    const which = left.length > 0 ? 'one of' : 'the last of'
    send(
      did,
      `delete ${which} ${collection}`,
      await writer.repo.commit([{ action: 'delete', collection, rkey }]),
    )
    figures.commits += 1
    if (left.length > 0) return void writer.records.set(collection, left)
    writer.records.delete(collection)
    truth.get(collection)?.delete(did)
    if (listed[collection]?.includes(did)) figures.backlogGone += 1
  }

  function tellAccount({ repo: { did } }: Writer, status: string): void {
    send(did, status, ['#account', { did, active: false, status }])
  }

  function deleteAccount(writer: Writer): void {
    tellAccount(writer, 'deleted')
    for (const repos of truth.values()) repos.delete(writer.repo.did)
    writers.splice(writers.indexOf(writer), 1)
    figures.deletedAccounts += 1
  }

  return {
    truth,
    figures,
    historyOf: (did) => histories.get(did) ?? [],
    async step() {
      const writer = random.pick(writers)
      const dice = random.between(0, 100)
      const held = [...writer.records.keys()]
      if (dice < 2 && writers.length > 10) return deleteAccount(writer)
      if (dice < 4) return tellAccount(writer, 'deactivated')
      if (dice < 45 && held.length > 0) return await remove(writer, random.pick(held))
      await create(writer, random.pick(collections))
    },
    async mark() {
      const collection = `${MARKER}.m${made}`
      await create(marking, collection)
      return collection
    },
    unmark: (collection) => void truth.delete(collection),
  }
}

async function writerOf(did: string): Promise<Writer> {
  return { repo: await createLiveRepo(did), records: new Map() }
}
