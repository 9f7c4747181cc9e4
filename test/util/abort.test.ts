import { getMaxListeners } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import {
  abortable,
  childController,
  createController,
  settledWithin,
  sleep,
  withJitter,
} from '../../src/util/abort.ts'

const reason = new Error('enough')
const never = new Promise<never>(() => {})

describe('sleep', () => {
  it('lasts at least as long as asked', async () => {
    const start = performance.now()
    await sleep(20)
    expect(performance.now() - start).toBeGreaterThanOrEqual(20)
  })

  it('ends with the signal’s own reason, at once and beforehand', async () => {
    const controller = new AbortController()
    const asleep = sleep(60_000, controller.signal)
    controller.abort(reason)
    await expect(asleep).rejects.toBe(reason)
    await expect(sleep(60_000, controller.signal)).rejects.toBe(reason)
    await expect(sleep(0, controller.signal)).rejects.toBe(reason)
  })

  it('longer than a timer can hold does not end at once', async () => {
    const controller = new AbortController()
    const asleep = sleep(1e12, controller.signal)
    expect(await Promise.race([asleep, sleep(20).then(() => 'still asleep')])).toBe('still asleep')
    controller.abort(reason)
    await expect(asleep).rejects.toBe(reason)
  })
})

describe('abortable', () => {
  it('is the promise as long as nobody aborts', async () => {
    await expect(abortable(Promise.resolve(1), undefined)).resolves.toBe(1)
    await expect(abortable(Promise.reject(reason), new AbortController().signal)).rejects.toBe(reason)
  })

  it('leaves a promise that hangs', async () => {
    await expect(abortable(never, AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('gives work under way its grace', async () => {
    const work = Promise.withResolvers<string>()
    const outcome = abortable(work.promise, AbortSignal.abort(reason), 60_000)
    work.resolve('done in time')
    await expect(outcome).resolves.toBe('done in time')
    await expect(abortable(never, AbortSignal.abort(reason), 5)).rejects.toBe(reason)
  })
})

describe('settledWithin', () => {
  it('does not wait for what takes too long, and does not mind what fails', async () => {
    await settledWithin(5, never)
    await settledWithin(60_000, Promise.reject(reason))
    await settledWithin(60_000, Promise.resolve())
  })
})

describe('a child controller', () => {
  it('aborts with its parent, and not the other way round', () => {
    const parent = new AbortController()
    const child = childController(parent.signal)
    const other = childController(parent.signal)
    child.abort(new Error('only the child'))
    expect(parent.signal.aborted).toBe(false)
    parent.abort(reason)
    expect(other.signal.reason).toBe(reason)
    expect(childController(parent.signal).signal.reason).toBe(reason)
  })

  it('leaves no listener at its parent once it is aborted', () => {
    const parent = new AbortController()
    const added = vi.spyOn(parent.signal, 'addEventListener')
    const child = childController(parent.signal)
    const [, , options] = added.mock.calls[0] ?? []
    expect(options).toMatchObject({ once: true, signal: child.signal })
  })
})

it('jitter is never shorter than asked', () => {
  for (let i = 0; i < 1000; i++) {
    const ms = withJitter(1000, 100)
    expect(ms).toBeGreaterThanOrEqual(1000)
    expect(ms).toBeLessThanOrEqual(1050)
  }
})

it('the signal of a controller of ours has no bound on its listeners: Node 22.12 warns of more than ten', () => {
  const { signal } = createController()
  expect(getMaxListeners(signal)).toBe(0)
  expect(getMaxListeners(childController(signal).signal)).toBe(0)
})
