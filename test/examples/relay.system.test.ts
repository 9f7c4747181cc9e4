import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { AtpAgent } from '@atproto/api'
import { expect, test } from 'vitest'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createLiveRepo, type Firehose, type FirehoseMessage, startFirehose } from '../support/firehose.ts'
import type { RunningProgram } from '../support/program.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { type ExampleOptions, startExample } from './run-example.ts'

const PROFILE = 'app.bsky.actor.profile'
const BLOG = 'com.whtwnd.blog.entry'
const NOTE = 'com.example.note'
const backlog = didsFrom(0, 2_500)
const [ALICE = '', BOB = '', CAROL = ''] = backlog
const [DAVE = '', ERIN = ''] = didsFrom(9_000, 2)

const startBacklog = () => startRelay({ collections: { [PROFILE]: backlog, [BLOG]: [ALICE, BOB] } })
const create = (collection: string, rkey = '1') => ({ action: 'create', collection, rkey }) as const
const remove = (collection: string, rkey = '1') => ({ action: 'delete', collection, rkey }) as const
const account = (did: string, active: boolean, status?: string): FirehoseMessage => [
  '#account',
  { did, active, ...(status && { status }) },
]

interface Directory {
  readonly program: RunningProgram
  /** All repos of a collection, read with the official client page by page. */
  repos(collection: string): Promise<string[]>
  /** What the admin endpoint says. */
  admin(): Promise<unknown>
}

const ADMIN_TOKEN = 'a-token-of-the-operator'

async function startDirectory(
  { relay, firehose }: { relay: TestRelay; firehose: Firehose },
  { cwd, env }: ExampleOptions,
): Promise<Directory & AsyncDisposable> {
  const feeds = { RELAY: relay.url, GARDEN: relay.gardenUrl, FIREHOSE: firehose.url, PORT: '0', ADMIN_TOKEN }
  const connections = firehose.cursors.length
  const program = startExample('relay.ts', { ...(cwd && { cwd }), env: { ...feeds, ...env } })
  const [, url = ''] = await program.until(/^(http:\S+)$/m)
  await firehose.connected(connections + 1)
  const { sync } = new AtpAgent({ service: url }).com.atproto
  return {
    program,
    async repos(collection) {
      const dids: string[] = []
      for (let cursor: string | undefined; ; ) {
        const { data } = await sync.listReposByCollection({
          collection,
          limit: 1_000,
          ...(cursor && { cursor }),
        })
        dids.push(...data.repos.map(({ did }) => did))
        cursor = data.cursor
        if (cursor === undefined) return dids
      }
    },
    async admin() {
      const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
      return (await fetch(`${url}/admin/backfill-collections`, { headers })).json()
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}

/** What was sent before this is written once this is. */
async function untilWritten(directory: Directory, firehose: Firehose, marker: string): Promise<number> {
  const repo = await createLiveRepo(DAVE)
  const seq = firehose.send(await repo.commit([create(marker)]))
  await expect.poll(() => directory.repos(marker), { timeout: 15_000 }).toEqual([DAVE])
  return seq
}

function namesIn(file: string): string[] {
  const db = new DatabaseSync(file, { readOnly: true })
  const names = db.prepare('select nsid from collection_index_nsid').all()
  db.close()
  return names.map(({ nsid }) => String(nsid)).sort()
}

/** As if what is complete had been so for some days more. */
function makeOlder(file: string, days: number): void {
  const db = new DatabaseSync(file)
  db.prepare(
    "update backfill_progress set row = json_set(row, '$.completedAt', row ->> '$.completedAt' - cast(? as integer))",
  ).run(days * 86_400_000)
  db.close()
}

test('relay.ts joins live feed and backlog, honours what is deleted, and resumes where it was', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'index.sqlite')
  await using relay = await startBacklog()
  await using firehose = await startFirehose()
  const env = { DATA: file }
  const [alice, bob, carol] = [
    await createLiveRepo(ALICE),
    await createLiveRepo(BOB),
    await createLiveRepo(CAROL),
  ]

  await using first = await startDirectory({ relay, firehose }, { env })
  // Not from the beginning of what the relay keeps: what came before is in the backlog.
  expect(firehose.cursors).toEqual([undefined])
  expect(relay.requests).toEqual([])
  const imported = first.program.until(/backfill complete/)
  firehose.send(
    await carol.commit([create(BLOG, 'a'), create(BLOG, 'b'), create(NOTE), create('com.example.zoo')]),
    await bob.commit([create(BLOG), create('no-collection'), create(NOTE)]),
  )
  await imported
  expect(await first.admin()).toMatchObject({ running: false, outcome: 'complete' })
  await untilWritten(first, firehose, 'com.example.first')
  expect(await first.repos(PROFILE)).toEqual([...backlog].sort())
  expect(await first.repos(BLOG)).toEqual([ALICE, BOB, CAROL].sort())
  expect(namesIn(file)).toEqual([PROFILE, 'com.example.first', NOTE, 'com.example.zoo', BLOG].sort())

  firehose.send(
    // Another record is left; none is; and nobody can tell.
    await carol.commit([remove(BLOG, 'a')]),
    await carol.commit([remove(NOTE)]),
    await bob.commit([remove(NOTE)], false),
    account(ALICE, false, 'deleted'),
    account(ERIN, false, 'deactivated'),
  )
  await untilWritten(first, firehose, 'com.example.second')
  expect(await first.repos(BLOG)).toEqual([BOB, CAROL].sort())
  expect(await first.repos(NOTE)).toEqual([BOB])
  expect(await first.repos(PROFILE)).not.toContain(ALICE)

  firehose.cut()
  firehose.send(await carol.commit([remove(BLOG, 'b')]))
  const seq = await untilWritten(first, firehose, 'com.example.third')
  expect(await first.repos(BLOG)).toEqual([BOB])
  first.program.kill('SIGTERM')
  expect(await first.program.ended).toMatchObject({ code: 0, stderr: '' })

  // A week later it asks again a relay that has forgotten nothing.
  makeOlder(file, 8)
  firehose.send(await carol.commit([create(NOTE, '2')]))
  await using second = await startDirectory({ relay, firehose }, { env })
  // The last one is asked for again, since there may be more of it.
  expect(firehose.cursors.at(-1)).toBe(seq - 1)
  await second.program.until(/backfill complete/)
  await untilWritten(second, firehose, 'com.example.fourth')
  expect(await second.repos(PROFILE)).toEqual(backlog.filter((did) => did !== ALICE).sort())
  expect(await second.repos(BLOG)).toEqual([BOB])
  expect(await second.repos(NOTE)).toEqual([BOB, CAROL].sort())

  // Killed with what it has read and not written.
  firehose.send(await bob.commit([remove(BLOG)]), account(ALICE, true), await alice.commit([create(BLOG)]))
  second.program.kill('SIGKILL')
  await second.program.ended
  await using third = await startDirectory({ relay, firehose }, { env })
  await untilWritten(third, firehose, 'com.example.fifth')
  expect(await third.repos(BLOG)).toEqual([ALICE])
}, 90_000)

test('relay.ts without a database keeps one in its folder', async () => {
  await using folder = await temporaryFolder()
  await using relay = await startBacklog()
  await using firehose = await startFirehose()
  const options = { cwd: folder.path }
  const bob = await createLiveRepo(BOB)
  await using directory = await startDirectory({ relay, firehose }, options)
  const imported = directory.program.until(/backfill complete/)
  firehose.send(await bob.commit([create(NOTE)]))
  await imported
  expect(await directory.repos(NOTE)).toEqual([BOB])
  expect(await directory.repos(PROFILE)).toEqual([...backlog].sort())
  directory.program.kill('SIGTERM')
  expect(await directory.program.ended).toMatchObject({ code: 0, stderr: '' })
  expect(existsSync(join(folder.path, '.backfill-directory.sqlite'))).toBe(true)
}, 60_000)
