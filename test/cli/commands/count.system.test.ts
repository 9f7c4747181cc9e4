import { expect, test } from 'vitest'
import { startRelay } from '../../../src/testing/index.ts'
import { cli, jsonLines } from '../../support/cli.ts'

const PROFILE = 'app.bsky.actor.profile'
const sizes = (repos: number) => ({ [PROFILE]: 5, 'com.example.a': repos, 'com.example.b': 7 })

test('count tells what each relay lists, which lists most and how far they disagree', async () => {
  await using one = await startRelay({ collections: sizes(80) })
  await using other = await startRelay({ collections: sizes(100) })
  const args = ['count', 'com.example.a', 'com.example.b', '--relay', one.url, '--relay', other.url]
  const { code, stdout } = await cli([...args, '--page-size', '9'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ {2}collection +A +B +differ$/m)
  expect(stdout).toMatch(/^ {2}com\.example\.a +80 +100 +20\.0%$/m)
  expect(stdout).toMatch(/^ {2}com\.example\.b +7 +7 +0%$/m)
  const lines = jsonLines((await cli([...args, '--json'])).stdout)
  expect(lines.find(({ type }) => type === 'counted')).toMatchObject({
    collection: 'com.example.a',
    relays: [{ listed: 80 }, { listed: 100 }],
    largest: { relay: other.url, listed: 100 },
    difference: 0.2,
  })
})

test('one relay alone, and patterns of what the sources know', async () => {
  await using relay = await startRelay({ collections: sizes(80) })
  const source = ['--source', `garden=${relay.gardenUrl}`]
  const { stdout, stderr } = await cli([
    'count',
    'com.*',
    '--except',
    '*.none',
    '--relay',
    relay.url,
    ...source,
  ])
  expect(stderr).toContain('"*.none" is not a valid NSID, nor a pattern')
  expect(stdout).toBe('')
  const counted = await cli(['count', 'com.*', '--except', 'com.example.b', '--relay', relay.url, ...source])
  expect(counted.stdout).toMatch(/^ {2}com\.example\.a +80$/m)
  expect(counted.stdout).not.toContain('com.example.b')
})

test('a relay that fails is told, and the others are counted', async () => {
  await using whole = await startRelay({ collections: sizes(80) })
  await using broken = await startRelay({
    collections: sizes(100),
    script: ({ collection, cursor }) =>
      collection === 'com.example.a' && cursor !== undefined ? { status: 500 } : undefined,
  })
  await using none = await startRelay({ collections: {}, script: () => ({ status: 404 }) })
  const relays = [whole, broken, none].flatMap(({ url }) => ['--relay', url])
  const args = ['count', 'com.example.a', 'com.example.b', ...relays, '--page-size', '9', '--retries', '0']
  const { code, stdout } = await cli(args)
  expect(code).toBe(1)
  const text = stdout.replaceAll(/\n {4,}/g, ' ')
  expect(text).toMatch(/^ {2}com\.example\.a +80 +– +– +–$/m)
  expect(text).toMatch(/✗ com\.example\.a: .* 500/)
  expect(text).toMatch(/^ {2}com\.example\.b +7 +7 +– +0%$/m)
  expect(text).toMatch(/✗ http:.* does not serve com\.atproto/)
})

test('without a name, the directory of each relay tells its total', async () => {
  const directory = { collections: { 'com.example.a': 80, 'com.example.b': 7, 'app.bsky.x': 9 }, cursor: '' }
  await using one = await startRelay({
    collections: sizes(80),
    script: ({ path }) => (path === '/v1/listCollections' ? { status: 200, body: directory } : undefined),
  })
  await using other = await startRelay({ collections: sizes(80) })
  const { code, stdout } = await cli(['count', '--relay', one.url, '--only', 'com.*'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringContaining('87 pairs in 2 collections') })
  expect(one.requestsOf('com.example.a')).toEqual([])
  const both = await cli(['count', '--relay', one.url, '--relay', other.url, '--json'])
  expect(both.code).toBe(1)
  expect(jsonLines(both.stdout).filter(({ type }) => type === 'directory')).toMatchObject([
    { relay: one.url, collections: 3, pairs: 96 },
    { relay: other.url, error: { status: 404 } },
  ])
})

test('none that can be asked is told once', async () => {
  await using none = await startRelay({ collections: {}, script: () => ({ status: 404 }) })
  const { code, stderr } = await cli(['count', 'com.example.a', '--relay', none.url])
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('does not serve com.atproto') })
})
