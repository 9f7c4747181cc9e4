import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { listenForInterruption } from '../../src/cli/interruption.ts'
import { createProgram } from '../../src/cli/program.ts'
import { cli } from '../support/cli.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts'

/** Takes connections and never says a word: a relay, a directory of DIDs and a Postgres that hang. */
const sockets = new Set<Socket>()
let onData = () => {}
const silent = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('data', () => onData())
})
let folder: TemporaryFolder
let url: string
let host: string
beforeAll(async () => {
  folder = await temporaryFolder()
  silent.listen(0, '127.0.0.1')
  await once(silent, 'listening')
  host = `127.0.0.1:${(silent.address() as AddressInfo).port}`
  url = `http://${host}`
  await writeFile(join(folder.path, 'list'), 'did:web:a.example,com.example.a\n')
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  silent.close()
  await folder[Symbol.asyncDispose]()
})

const relay = () => ['--relay', url]
const database = () => ['--database', `postgres://user@${host}/index`]
const file = () => ['--data', join(folder.path, 'index.sqlite')]
const garden = () => ['--source', `garden=${url}/llms.txt`]
const list = () => join(folder.path, 'list')

/** By command: what makes it wait for a server that hangs. */
const WAITING: Readonly<Record<string, readonly (() => string[])[]>> = {
  run: [
    () => [...relay(), ...file(), ...garden()],
    () => [...relay(), ...file(), ...garden(), '--dry-run'],
    () => [...relay(), ...file(), ...garden(), '--every', '1h', '--json'],
    () => [...relay(), ...database()],
  ],
  serve: [() => [...relay(), ...file(), ...garden(), '--port', '0', '--listen', '127.0.0.1']],
  status: [database, () => [...database(), '--watch']],
  crawl: [
    () => ['--host', url, '--allow', host, ...file()],
    () => ['--hosts-of', url, ...file()],
    () => ['--host', 'pds.example', ...database()],
  ],
  index: [
    () => ['did:plc:ewvi7nxzyoun6zhxrhs64oiz', '--plc', url, ...file()],
    () => ['--file', list(), ...database()],
  ],
  discover: [() => [...garden(), ...file()], () => [...garden(), ...database()]],
  retry: [database],
  reset: [() => ['com.example.a', ...database()]],
  cancel: [() => ['com.example.a', ...database()]],
  verify: [() => [...relay(), ...database()]],
  compare: [
    () => [...relay(), '--relay', url.replace('127.0.0.1', 'localhost'), '--collection', 'com.example.a'],
  ],
  count: [() => ['com.example.a', ...relay()], relay],
  prune: [() => [...relay(), ...file()], () => [...relay(), ...database()]],
  export: [() => [join(folder.path, 'out.csv'), ...database()]],
  import: [() => [list(), ...database()]],
  compact: [database],
  migrate: [database],
  doctor: [
    () => [...relay(), ...file()],
    () => [...file(), '--garden', `${url}/llms.txt`, '--plc', url],
    database,
  ],
}

test('every command is looked at', () => {
  const commands = createProgram(() => {}).commands.map((command) => command.name())
  expect(Object.keys(WAITING).toSorted()).toEqual(commands.toSorted())
})

const cases = Object.entries(WAITING).flatMap(([command, ways]) =>
  ways.map((args, i): [string, number, () => string[]] => [command, i + 1, args]),
)

describe('interrupted while a server hangs', () => {
  beforeAll(async () => {
    expect((await cli(['migrate', ...file()])).code).toBe(0)
  })

  test.each(cases)(
    '%s (%i) ends with what the signal says, and with no word of a failure',
    async (command, _, args) => {
      const controller = new AbortController()
      onData = () => controller.abort(new Error('Stopped by SIGINT.'))
      const { code, stderr } = await cli([command, ...args()], { signal: controller.signal })
      // A service that is told to end has done what it was told.
      expect({ code, stderr }).toEqual({ code: command === 'serve' ? 0 : 130, stderr: '' })
    },
  )
})

const stream = () => new PassThrough() as unknown as NodeJS.WriteStream

test.each([
  ['SIGINT', 130, true],
  ['SIGTERM', 143, true],
  ['SIGHUP', 129, false],
] as const)('%s asks to stop, and is exit code %i', (signal, exitCode, isAsked) => {
  // The end of the process that is asked to stop comes by a timer.
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  using interruption = listenForInterruption(stream(), stream())
  process.emit(signal, signal)
  vi.useRealTimers()
  expect(interruption.signal.aborted).toBe(true)
  expect(interruption).toMatchObject({ exitCode, isAsked })
})
