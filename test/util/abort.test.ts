import { describe, expect, it } from 'vitest'
import { abortable, linkedController, sleep, within, withJitter } from '../../src/util/abort.ts'

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

describe('within', () => {
  it('does not wait for what takes too long, and does not mind what fails', async () => {
    await within(5, never)
    await within(60_000, Promise.reject(reason))
    await within(60_000, Promise.resolve())
  })
})

describe('a linked controller', () => {
  it('aborts with its parent, and not the other way round', () => {
    const parent = new AbortController()
    const child = linkedController(parent.signal)
    const other = linkedController(parent.signal)
    child.controller.abort(new Error('only the child'))
    expect(parent.signal.aborted).toBe(false)
    parent.abort(reason)
    expect(other.controller.signal.reason).toBe(reason)
    expect(linkedController(parent.signal).controller.signal.reason).toBe(reason)
  })

  it('is left alone once unlinked', () => {
    const parent = new AbortController()
    const { controller, unlink } = linkedController(parent.signal)
    unlink()
    parent.abort()
    expect(controller.signal.aborted).toBe(false)
  })
})

it('jitter is never shorter than asked', () => {
  for (let i = 0; i < 1000; i++) {
    const ms = withJitter(1000, 100)
    expect(ms).toBeGreaterThanOrEqual(1000)
    expect(ms).toBeLessThanOrEqual(1050)
  }
})
