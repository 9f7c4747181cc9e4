import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { openSqlite } from '../../src/sqlite/index.ts'
import { startRelay } from '../../src/testing/index.ts'
import { cli, jsonLines, startCli } from '../support/cli.ts'
import { createLiveRepo, startFirehose } from '../support/firehose.ts'
import { pairsOf } from '../support/followed.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const collections = { 'app.bsky.actor.profile': 4, 'app.bsky.feed.like': 3, 'com.example.a': 2 }

test('--only and --except choose among what is known, in every command that reads collections', async () => {
  await using relay = await startRelay({ collections })
  await using folder = await temporaryFolder()
  const data = ['--data', join(folder.path, 'index.sqlite')]
  const from = ['--relay', relay.url, '--source', `garden=${relay.gardenUrl}`]
  const bsky = ['--only', 'app.bsky.*', 'org.nowhere.*', '--except', 'app.bsky.feed.like']

  const discovered = await cli(['discover', ...from, ...data, ...bsky])
  expect(discovered).toMatchObject({ code: 0, stdout: 'app.bsky.actor.profile\n' })
  expect(discovered.stderr).toContain('no collection that is known matches org.nowhere.*')

  const planned = await cli(['run', '--dry-run', ...from, ...data, ...bsky])
  expect(planned.stdout).toMatch(/^ {2}1 collection +0 +2$/m)
  expect(planned.stdout).toContain('no collection that is known matches org.nowhere.*')

  const first = await cli(['run', ...from, ...data, '--only', 'app.bsky.actor.profile'])
  expect(first.stdout).toContain('1 collection known')
  // Registered and not complete, as by a run that was interrupted.
  {
    await using store = await openSqlite(data[1] ?? '')
    const [row] = await store.progress.list()
    await store.progress.register(row?.relay ?? '', [{ nsid: 'app.bsky.feed.like' }])
  }
  const second = await cli(['run', ...from, ...data, '--except', 'app.bsky.feed.*'], {
    env: { COLUMNS: '200' },
  })
  expect(second.code).toBe(0)
  expect(second.stdout.replaceAll(/\n +/g, ' ')).toContain(
    '1 collection that an earlier run registered is left out by --only or --except, and stays as it is: app.bsky.feed.like',
  )
  const verified = await cli(['verify', '--relay', relay.url, ...data, '--only', 'com.example.*'])
  expect(verified.stdout).toContain('2 pairs in 1 collection')
  expect(verified.code).toBe(0)

  const done = await cli(['run', '--dry-run', ...from, ...data, '--except', 'app.bsky.feed.*'])
  expect(done.stdout).toContain('Everything else is complete')
  const third = await cli(['run', ...from, ...data, '--json'])
  expect(jsonLines(third.stdout).filter(({ type }) => type === 'page')).toMatchObject([
    { collection: 'app.bsky.feed.like', completed: true },
  ])
})

test('serve --only holds these collections alone, whether the backlog has others or the feed brings them', async () => {
  await using relay = await startRelay({ collections })
  await using firehose = await startFirehose()
  await using folder = await temporaryFolder()
  const data = join(folder.path, 'index.sqlite')
  const from = ['--relay', relay.url, '--source', `garden=${relay.gardenUrl}`, '--feed', firehose.url]
  const repo = await createLiveRepo('did:web:new.example')
  await using service = startCli(
    [
      'serve',
      ...from,
      '--data',
      data,
      '--port',
      '0',
      '--only',
      'app.bsky.*',
      '--except',
      'app.bsky.feed.like',
    ],
    { env: { COLUMNS: '200' } },
  )
  await firehose.connected(1)
  const writes = Object.keys(collections).map((collection) => ({
    action: 'create' as const,
    collection,
    rkey: 'self',
  }))
  firehose.send(await repo.commit(writes))
  await service.until(/the backlog is complete: 1 collection, 4/)
  await using store = await openSqlite(data)
  const pairs = [...relay.dids('app.bsky.actor.profile'), repo.did]
    .toSorted()
    .map((did) => `app.bsky.actor.profile ${did}`)
  await vi.waitFor(async () => expect(await pairsOf(store.index)).toEqual(pairs), { timeout: 20_000 })
  service.kill('SIGTERM')
  expect(await service.ended).toMatchObject({ code: 0 })
})

test.each([
  ['run', 'nothing is left', ['--except', '*'], 'leave out every collection that is known'],
  ['run', 'no pattern', ['--only', 'app*'], '"app*" is not a valid NSID, nor a pattern'],
  ['verify', 'nothing is left', ['--except', '*'], '--only and --except leave out all that there is'],
])('%s: %s', async (command, _, filter, message) => {
  await using relay = await startRelay({ collections })
  await using folder = await temporaryFolder()
  const data = ['--data', join(folder.path, 'index.sqlite')]
  const named = ['--relay', relay.url, '--collection', ...Object.keys(collections)]
  if (command === 'verify') expect((await cli(['run', ...named, ...data])).code).toBe(0)
  const { code, stderr } = await cli([command, ...named, ...data, ...filter])
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) })
})
