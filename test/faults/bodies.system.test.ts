import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { startServer } from '../support/http-server.ts'
import { runProgram } from '../support/program.ts'
import type { SmallHeapOptions } from '../support/small-heap-child.ts'

/** Just below the cap on a body, in bytes. */
const SIZE = 8_388_000
const HEAP_MB = 64

const filled = (piece: string, size = SIZE) => piece.repeat(Math.floor(size / piece.length))
const numbered = (piece: (n: string) => string) => {
  const pieces: string[] = []
  for (let n = 0, left = SIZE; left > 0; n += 1) {
    const made = piece(n.toString(36))
    left -= made.length
    pieces.push(made)
  }
  return pieces.slice(0, -1).join('')
}
/** As a page of any list: the lister's, the directory's and UFOs'. */
const page = (list: string) => `{"repos":[${list}0],"collections":[${list}0]}`.slice(0, SIZE)

/** Bodies within the cap that become hundreds of megabytes when they are parsed. */
const bombs: Readonly<Record<string, () => string>> = {
  objects: () => page(filled('{},', SIZE / 2 - 40)),
  lists: () => page(filled('[],', SIZE / 2 - 40)),
  'lists in lists': () => filled('['),
  'objects in objects': () => numbered((n) => `{"${n}":`),
  strings: () => `["${numbered((n) => `${n}","`)}"]`,
  'strings of two bytes a letter': () => `["€","${numbered((n) => `${n}","`)}"]`.slice(0, SIZE - 100),
  numbers: () => `[${filled('1e9,')}0]`,
  keys: () => `{${numbered((n) => `"${n}":0,`)}"":0}`,
  'objects of one key': () => `[${numbered((n) => `{"${n}":0},`)}0]`,
  'escaped strings': () => `["${filled('\\"","')}"]`,
  'error page': () => filled('['),
  'error of objects': () => `[${filled('{},')}0]`,
  'lines of a list': () => filled('- [`a.b.c`](x)\n'),
}

async function answersOf(
  bodies: Readonly<Record<string, () => string>>,
  pageSize: number,
): Promise<Map<string, string[]>> {
  const made = new Map<string, Buffer>()
  await using server = await startServer(({ headers }, response) => {
    const name = headers['user-agent']?.split('/')[0] ?? ''
    const body = made.get(name) ?? Buffer.from(bodies[name]?.() ?? '')
    made.set(name, body)
    response.writeHead(name.startsWith('error') ? 400 : 200).end(body)
  })
  const userAgents = Object.keys(bodies).map((name) => `${name}/1`)
  const options: SmallHeapOptions = { origin: server.origin, userAgents, pageSize }
  const file = fileURLToPath(new URL('../support/small-heap-child.ts', import.meta.url))
  const { code, stdout, stderr } = await runProgram(file, {
    args: [JSON.stringify(options)],
    env: { NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}` },
  })
  expect({ code, stderr: stderr.slice(0, 2_000) }).toEqual({ code: 0, stderr: '' })
  const lines = stdout.trim().split('\n')
  const answers = lines.map((line) => JSON.parse(line) as { userAgent: string; outcomes: string[] })
  return new Map(answers.map(({ userAgent, outcomes }) => [userAgent.split('/')[0] ?? '', outcomes]))
}

describe('a body within the cap that would fill the memory when it is parsed', () => {
  it('is refused by what is in it, six at once and as a source’s, in a process with a small heap', async () => {
    const answers = await answersOf(bombs, 2_000)
    expect([...answers.keys()]).toEqual(Object.keys(bombs))
    for (const [name, outcomes] of answers) {
      const refused = outcomes.filter((outcome) =>
        /more than \d+ (values|names)|is not JSON|answered 400/.test(outcome),
      )
      const isPage = name !== 'lines of a list' && !name.startsWith('error')
      expect({ name, refused: refused.length, outcomes }).toMatchObject({ refused: isPage ? 8 : 9 })
      // No list of names, so no names.
      if (isPage) expect(outcomes[7]).toContain('it is not the list of lexicons')
    }
  })

  it('is not the largest legal page: 10,000 repos, each with a DID of 2,048 characters', async () => {
    const repos = Array.from({ length: 10_000 }, (_, i) => ({
      did: `did:web:${`${i}.`.padStart(2_033, 'a')}example`,
    }))
    const answers = await answersOf({ legal: () => JSON.stringify({ repos }) }, 10_000)
    expect(answers.get('legal')?.slice(0, 6)).toEqual(Array(6).fill('10000 repos, 0 invalid'))
  })
})
