import { expect, it } from 'vitest'
import { startRelayProcess } from '../support/relay-process.ts'
import { pagesOf } from './ask.ts'

const LIKE = 'app.bsky.feed.like'

it('a relay in a process of its own serves what its options say, again after a kill, and ends with its owner', async () => {
  const first = await startRelayProcess({ collections: { [LIKE]: 250 } })
  const { pid, url } = first
  if (pid === undefined) throw new Error('The relay process has no id.')
  const before = await pagesOf(first, LIKE, 100)
  expect(before.flatMap(({ repos }) => repos.map(({ did }) => did))).toEqual([...first.dids(LIKE)])
  process.kill(pid, 'SIGKILL')
  await first[Symbol.asyncDispose]()

  const second = await startRelayProcess({ collections: { [LIKE]: 250 }, port: Number(new URL(url).port) })
  expect(second.url).toBe(url)
  expect(await pagesOf(second, LIKE, 100)).toEqual(before)
  await second[Symbol.asyncDispose]()
  await expect(fetch(url)).rejects.toThrow('fetch failed')
})

it('a relay process with bad options fails to start', async () => {
  await expect(startRelayProcess({ collections: { [LIKE]: 5 }, port: 70_000 })).rejects.toThrow(
    'port must be',
  )
})
