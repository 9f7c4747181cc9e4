import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import {
  type Connection,
  type FollowOptions,
  follow,
} from '../../../../../src/server/admin/page/client/follow.ts'

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
  vi.spyOn(Math, 'random').mockReturnValue(1)
})
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

class RefusedError extends Error {}

/** A server whose every connection is as the next of these says. */
function followScript(...answers: (string | Error | 'silent')[]) {
  const asked: { at: number; after: string | undefined }[] = []
  const events: string[] = []
  const connections: Connection[] = []
  const stop = new AbortController()
  const options: FollowOptions = {
    signal: stop.signal,
    async connect(after, signal) {
      asked.push({ at: Date.now(), after })
      const answer = answers.shift() ?? 'silent'
      if (answer instanceof Error) throw answer
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          signal.addEventListener('abort', () => controller.error(signal.reason))
          if (answer === 'silent') return
          controller.enqueue(new TextEncoder().encode(answer))
          controller.close()
        },
      })
      return new Response(body)
    },
    onEvent: ({ name, data }) => events.push(`${name} ${data}`),
    onConnection: (connection) => connections.push(connection),
    isFinal: (error) => error instanceof RefusedError,
  }
  return { following: follow(options), stop, asked, events, connections }
}

const down = () => new TypeError('Failed to fetch')

it('waits longer each time while the server is gone, and begins anew with short pauses once it was there', async () => {
  const { asked, events, connections, stop, following } = followScript(
    down(),
    down(),
    down(),
    'id: 7\nevent: page\ndata: x\n\n',
    down(),
  )
  await vi.advanceTimersByTimeAsync(10_500)
  expect(asked).toEqual([
    { at: 0, after: undefined },
    { at: 1_000, after: undefined },
    { at: 3_000, after: undefined },
    { at: 7_000, after: undefined },
    { at: 8_000, after: '7' },
    { at: 10_000, after: '7' },
  ])
  expect(events).toEqual(['page x'])
  expect(connections[1]).toEqual({ state: 'waiting', until: 1_000, reason: 'The server cannot be reached.' })
  stop.abort()
  await following.ended
})

it('takes a connection without a sign of life for dead', async () => {
  const { asked, connections, stop, following } = followScript('silent')
  await vi.advanceTimersByTimeAsync(44_000)
  expect(connections.at(-1)).toEqual({ state: 'live' })
  await vi.advanceTimersByTimeAsync(2_500)
  expect(connections).toContainEqual({
    state: 'waiting',
    until: 46_000,
    reason: 'The server has gone silent.',
  })
  expect(asked).toHaveLength(2)
  stop.abort()
  await following.ended
})

it('tries again at once when it is woken, and leaves nothing behind when it is stopped', async () => {
  const { asked, stop, following } = followScript(down(), down())
  await vi.advanceTimersByTimeAsync(10)
  following.wake()
  await vi.advanceTimersByTimeAsync(10)
  expect(asked).toHaveLength(2)
  stop.abort()
  await following.ended
  expect(vi.getTimerCount()).toBe(0)
})

it('gives up where there is no sense in trying again', async () => {
  const { asked, following } = followScript(new RefusedError('no'))
  await expect(following.ended).rejects.toThrow('no')
  expect(asked).toHaveLength(1)
  expect(vi.getTimerCount()).toBe(0)
})
