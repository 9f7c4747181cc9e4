import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createEventLog, type EventLog } from '../../../src/server/admin/event-log.ts'
import { createEventStream, type EventStream } from '../../../src/server/admin/event-stream.ts'
import type { AdminStatus } from '../../../src/server/index.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const SIZE = 1_000
const statusNow = () => ({ total: 7 }) as AdminStatus

interface Setup {
  readonly log: EventLog
  readonly stream: EventStream
  /** Tells something, as a run does. */
  tell(times?: number): void
}

function setUp(): Setup {
  const log = createEventLog(SIZE)
  const stream = createEventStream(statusNow, log)
  return {
    log,
    stream,
    tell(times = 1) {
      for (let i = 0; i < times; i += 1) {
        stream.event('discovered', { relay: 'relay.test', collections: log.last, sources: [] })
      }
    },
  }
}

async function viewer({ stream }: Setup) {
  const gone = new AbortController()
  const reader = (await stream.watch(undefined, async () => statusNow(), gone.signal)).getReader()
  return {
    gone,
    cancel: () => reader.cancel(),
    /** The next piece, once the time for it has come. */
    async read(): Promise<string | undefined> {
      const reading = reader.read()
      reading.catch(() => {})
      await vi.advanceTimersByTimeAsync(50)
      const { done, value } = await reading
      return done ? undefined : new TextDecoder().decode(value)
    },
  }
}

const numbersIn = (text = '') =>
  [...text.matchAll(/"collections":(\d+)/g)].map(([, number]) => Number(number))

describe('a viewer', () => {
  it('is told at once how soon to come back and how things are, then what happens, in order and gathered into one piece', async () => {
    const setup = setUp()
    setup.tell(3)
    const { read } = await viewer(setup)
    expect(await read()).toMatch(/^retry: 2000\n\nid: \w+-3\nevent: snapshot\ndata: {"total":7}\n\n$/)
    setup.tell(4)
    expect(numbersIn(await read())).toEqual([3, 4, 5, 6])
  })

  it('that reads slowly gets everything, in pieces of bounded length', async () => {
    const setup = setUp()
    const { read } = await viewer(setup)
    await read()
    setup.tell(SIZE)
    const pieces = [await read(), await read(), await read(), await read()]
    expect(pieces.map((piece) => numbersIn(piece).length)).toEqual([256, 256, 256, 232])
    expect(numbersIn(pieces.join(''))).toEqual(Array.from({ length: SIZE }, (_, i) => i))
  })

  it('that is so far behind that events are gone is dropped; no other one notices', async () => {
    const setup = setUp()
    const slow = await viewer(setup)
    const fast = await viewer(setup)
    await slow.read()
    await fast.read()
    setup.tell(SIZE)
    expect(numbersIn(await fast.read())).toHaveLength(256)
    expect(setup.stream.viewers).toBe(2)
    setup.tell()
    expect(setup.stream.viewers).toBe(1)
    expect(await slow.read()).toBeUndefined()
    expect(numbersIn(await fast.read())[0]).toBe(256)
  })

  it('that waits gets a sign of life every 15 seconds', async () => {
    const setup = setUp()
    const { read } = await viewer(setup)
    await read()
    const waiting = read()
    await vi.advanceTimersByTimeAsync(15_000)
    expect(await waiting).toBe(': keep-alive\n\n')
  })

  it.each(['cancels its stream', 'has its request aborted'])(
    'that %s leaves no timer and no listener',
    async (how) => {
      const setup = setUp()
      const one = await viewer(setup)
      const other = await viewer(setup)
      await one.read()
      setup.tell()
      expect(vi.getTimerCount()).toBe(2)
      for (const each of [one, other]) {
        if (how === 'cancels its stream') await each.cancel()
        else each.gone.abort()
        expect(getEventListeners(each.gone.signal, 'abort')).toEqual([])
      }
      expect(setup.stream.viewers).toBe(0)
      expect(vi.getTimerCount()).toBe(0)
      setup.tell()
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('that is gone before its stream begins is none', async () => {
    const { stream } = setUp()
    await stream.watch(undefined, async () => statusNow(), AbortSignal.abort())
    expect(stream.viewers).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('gets what is there before the streams end, and then the end', async () => {
    const setup = setUp()
    const { read } = await viewer(setup)
    await read()
    const waiting = read()
    setup.tell()
    setup.stream.end()
    expect(numbersIn(await waiting)).toEqual([0])
    expect(await read()).toBeUndefined()
    expect(await (await viewer(setup)).read()).toBeUndefined()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is told the whole anew once, however often that was asked for in the meantime', async () => {
    const setup = setUp()
    const { read } = await viewer(setup)
    await read()
    for (let i = 0; i < 3; i += 1) {
      setup.tell()
      setup.stream.snapshot()
    }
    const text = (await read()) ?? ''
    expect([...text.matchAll(/^event: (\w+)/gm)].map(([, name]) => name)).toEqual([
      'discovered',
      'discovered',
      'discovered',
      'snapshot',
    ])
    expect(text).toContain('data: {"total":7}\n\n')
  })
})
