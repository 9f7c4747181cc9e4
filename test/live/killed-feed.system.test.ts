import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { CollectionIndex } from '../../src/contracts/opened-store.ts'
import { openPostgres } from '../../src/postgres/index.ts'
import { openSqlite } from '../../src/sqlite/index.ts'
import { createPostgres } from '../support/databases.ts'
import { startFeedServer } from '../support/feed-server.ts'
import { createLiveRepo, type FirehoseMessage } from '../support/firehose.ts'
import { pairsOf } from '../support/followed.ts'
import { type RunningProgram, startProgram } from '../support/program.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const CHILD = fileURLToPath(new URL('../support/feed-child.ts', import.meta.url))
const NAMES = ['app.a.b', 'app.a.c', 'app.b.c']
/** In which of its commits each process dies. The first one has a cursor by then: without any, the next begins with now. */
const KILLS = [2, 3, 1, 5, 1, 2]

/** Commits of some repos that create and delete, and what is left in the end. */
async function history(): Promise<{ messages: FirehoseMessage[]; pairs: string[] }> {
  const messages: FirehoseMessage[] = []
  const pairs: string[] = []
  for (const [i, did] of didsFrom(0, 12).entries()) {
    const repo = await createLiveRepo(did)
    const [one = '', two = '', three = ''] = [0, 1, 2].map((n) => NAMES[(i + n) % NAMES.length] ?? '')
    const create = (collection: string) => ({ action: 'create' as const, collection, rkey: 'a' })
    const remove = (collection: string) => ({ action: 'delete' as const, collection, rkey: 'a' })
    messages.push(await repo.commit([create(one), create(two)]))
    messages.push(await repo.commit([remove(one), create(three)]))
    messages.push(await repo.commit([create(one), remove(two)]))
    messages.push(['#account', { did, active: i % 4 !== 0, status: i % 4 === 0 ? 'deleted' : undefined }])
    if (i % 4 !== 0) pairs.push(`${one} ${did}`, `${three} ${did}`)
  }
  return { messages, pairs: pairs.sort() }
}

/** A process that follows the feed. @param killAt in which of its commits it dies */
function startChild(relay: string, place: string, killAt = 0): RunningProgram {
  const args = [relay, place, String(killAt)]
  return startProgram(CHILD, { args, env: { NODE_OPTIONS: '--no-warnings' } })
}

/** Follows the feed by processes that die one after the other, and by one that comes to its end. */
async function followByTheDying(place: string): Promise<string[]> {
  await using server = await startFeedServer()
  const { messages, pairs } = await history()
  const step = Math.ceil(messages.length / KILLS.length)
  for (const [i, killAt] of KILLS.entries()) {
    await using child = startChild(server.url, place, killAt)
    await child.until(/live here/)
    // One by one, so that there are as many commits as it takes.
    const part = messages.slice(i * step, (i + 1) * step)
    let hasEnded = false
    const ended = child.ended.then((end) => {
      hasEnded = true
      return end
    })
    for (const message of part) {
      const seq = server.send(message)
      if (!hasEnded) await Promise.race([child.until(new RegExp(`batch ${seq}\\.`)).catch(() => {}), ended])
    }
    expect((await ended).code).toBe('SIGKILL')
  }
  await using last = startChild(server.url, place)
  server.send(['#account', { did: didsFrom(99, 1)[0], active: true }])
  await last.until(new RegExp(`batch ${server.seq}\\.`))
  expect(server.cursors.length).toBe(KILLS.length + 1)
  return pairs
}

async function assertPairs(index: CollectionIndex, pairs: readonly string[]): Promise<void> {
  expect(await pairsOf(index)).toEqual(pairs)
}

it('SQLite: a process that dies between what it wrote and the commit loses nothing and repeats nothing', async () => {
  await using folder = await temporaryFolder()
  const file = `${folder.path}/feed.sqlite`
  const pairs = await followByTheDying(file)
  await using store = await openSqlite(file)
  await assertPairs(store.index, pairs)
})

it('Postgres: a process that dies between what it wrote and the commit loses nothing and repeats nothing', async () => {
  await using postgres = await createPostgres()
  const pairs = await followByTheDying(postgres.url)
  await using store = await openPostgres(postgres.url)
  await assertPairs(store.index, pairs)
})

it('two processes on one Postgres: one takes over from one that died or stood still, and is not disturbed by it', async () => {
  await using postgres = await createPostgres()
  await using server = await startFeedServer()
  const { messages, pairs } = await history()
  const parts = [messages.slice(0, 16), messages.slice(16, 32), messages.slice(32)] as const
  const upTo = (child: RunningProgram, seq: number) => child.until(new RegExp(`batch ${seq}\\.`))

  await using dying = startChild(server.url, postgres.url, 2)
  await dying.until(/live here/)
  await using frozen = startChild(server.url, postgres.url)
  await frozen.until(/live elsewhere/)
  const begun = upTo(dying, server.seq + 1)
  server.send(['#account', { did: didsFrom(99, 1)[0], active: true }])
  await begun
  const taken = frozen.until(/live here/)
  server.send(...parts[0])
  expect((await dying.ended).code).toBe('SIGKILL')
  await taken
  const first = upTo(frozen, server.seq + parts[1].length)
  server.send(...parts[1])
  await first

  await using last = startChild(server.url, postgres.url)
  await last.until(/live elsewhere/)
  const takenAgain = last.until(/live here/)
  frozen.kill('SIGSTOP')
  server.send(...parts[2])
  await takenAgain
  const lost = frozen.until(/claim lost/)
  frozen.kill('SIGCONT')
  await lost
  const end = server.seq + 1
  const ended = upTo(last, end)
  server.send(['#account', { did: didsFrom(99, 1)[0], active: true }])
  await ended
  await using store = await openPostgres(postgres.url)
  await assertPairs(store.index, pairs)
})
