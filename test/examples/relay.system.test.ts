import { join } from 'node:path'
import { AtpAgent } from '@atproto/api'
import { expect, test } from 'vitest'
import { startRelay, type TestRelay } from '../../src/testing/index.ts'
import { createLiveRepo, type Firehose, startFirehose } from '../support/firehose.ts'
import type { RunningProgram } from '../support/program.ts'
import { didsFrom } from '../support/store-steps.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { startExample } from './run-example.ts'

const PROFILE = 'app.bsky.actor.profile'
const NOTE = 'com.example.note'
const backlog = didsFrom(0, 2_500)
const [ALICE = '', BOB = ''] = backlog
const [DAVE = ''] = didsFrom(9_000, 1)

interface Directory extends AsyncDisposable {
  readonly program: RunningProgram
  /** All repos of a collection, read with the official client page by page. */
  repos(collection: string): Promise<string[]>
}

async function startDirectory(
  { relay, firehose }: { relay: TestRelay; firehose: Firehose },
  data: string,
): Promise<Directory> {
  const feeds = { RELAY: relay.url, GARDEN: relay.gardenUrl, FIREHOSE: firehose.url }
  const connections = firehose.cursors.length
  const program = startExample('relay.ts', { env: { ...feeds, DATA: data, PORT: '0' } })
  const [, url = ''] = await program.until(/^(http:\S+)$/m)
  await firehose.connected(connections + 1)
  const { sync } = new AtpAgent({ service: url }).com.atproto
  return {
    program,
    async repos(collection) {
      const dids: string[] = []
      for (let cursor: string | undefined; ; ) {
        const page = await sync.listReposByCollection({ collection, limit: 1_000, ...(cursor && { cursor }) })
        dids.push(...page.data.repos.map(({ did }) => did))
        cursor = page.data.cursor
        if (cursor === undefined) return dids
      }
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  }
}

test('relay.ts joins live feed and backlog, honours what is deleted, and resumes where it was', async () => {
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'index.sqlite')
  await using relay = await startRelay({ collections: { [PROFILE]: backlog, [NOTE]: [ALICE, BOB] } })
  await using firehose = await startFirehose()
  const [bob, dave] = [await createLiveRepo(BOB), await createLiveRepo(DAVE)]
  const create = (rkey: string) => ({ action: 'create', collection: NOTE, rkey }) as const
  const remove = (rkey: string) => ({ action: 'delete', collection: NOTE, rkey }) as const

  await using first = await startDirectory({ relay, firehose }, data)
  await first.program.until(/^backfill complete$/m)
  expect(await first.repos(PROFILE)).toEqual([...backlog].sort())
  firehose.send(await dave.commit([create('a')]), await bob.commit([create('a')]))
  await expect.poll(() => first.repos(NOTE), { timeout: 15_000 }).toEqual([ALICE, BOB, DAVE].sort())
  firehose.send(
    ['#account', { did: ALICE, active: false, status: 'deleted' }],
    await bob.commit([remove('a')]),
  )
  await expect.poll(() => first.repos(NOTE), { timeout: 15_000 }).toEqual([DAVE])
  first.program.kill('SIGTERM')
  expect(await first.program.ended).toMatchObject({ code: 0, stderr: '' })

  // What was told while it was away.
  firehose.send(await bob.commit([create('b')]))
  await using second = await startDirectory({ relay, firehose }, data)
  expect(firehose.cursors.at(-1)).toBeGreaterThan(0)
  await second.program.until(/^backfill complete$/m)
  await expect.poll(() => second.repos(NOTE), { timeout: 15_000 }).toEqual([BOB, DAVE].sort())
  expect(await second.repos(PROFILE)).not.toContain(ALICE)
}, 60_000)
