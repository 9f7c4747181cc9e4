import { expect, it } from 'vitest'
import { didsIn } from '../../src/cli/did-text.ts'
import { doneRepos } from '../../src/cli/done-repos.ts'

const PLC = 'did:plc:aaaaaaaaaaaaaaaaaaaaaaaa'

async function* pieces(text: string, size: number) {
  const bytes = new TextEncoder().encode(text)
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const found = (text: string, size = 7) => Array.fromAsync(didsIn(pieces(text, size)))

it.each([
  ['one a line', `${PLC}\ndid:web:a.example\r\n`, [PLC, 'did:web:a.example']],
  ['an export as CSV', `did,collection\n${PLC},app.bsky.feed.post\n`, [PLC]],
  ['JSON', `{"onlyHere":["${PLC}","did:web:a.example"]}`, [PLC, 'did:web:a.example']],
  ['an address', `at://${PLC}/app.bsky.feed.post/3k`, [PLC]],
  ['a sentence', `It is ${PLC}. Ünïcödé, (did:web:localhost%3A2583).`, [PLC, 'did:web:localhost%3A2583']],
  ['one named again', `${PLC} ${PLC}\n${PLC}`, [PLC]],
  ['none', 'did: did:plc: alice.example xdid:', []],
  ['nothing', '', []],
])('DIDs are found in %s, however it is cut', async (_, text, dids) => {
  for (const size of [1, 7, 1000]) expect(await found(text, size)).toEqual(dids)
})

it('a word without end takes no memory', async () => {
  const endless = `did:plc:${'a'.repeat(1_000_000)} ${PLC}`
  expect(await found(endless, 10_000)).toEqual([PLC])
})

it('repos count as done once all before them are', async () => {
  const dids = [1, 2, 3, 4, 5].map((i) => `did:web:${i}.example`)
  const done = doneRepos(
    (async function* () {
      yield* dids
    })(),
    1,
  )
  expect(done.count).toBe(1)
  const read = await Array.fromAsync(done.repos)
  expect(read).toEqual(dids.slice(1))
  done.take(dids[2] ?? '')
  expect(done.count).toBe(1)
  done.take(dids[1] ?? '')
  expect(done.count).toBe(3)
  done.take(dids[3] ?? '')
  done.take(dids[4] ?? '')
  expect(done.count).toBe(5)
})
