import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { keepDoing } from '../../../src/cli/serve/recurring.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const pauseMs = { least: 1_000, most: 4_000 }

it('does its work again after the pause that it gives, until the signal aborts', async () => {
  const stop = new AbortController()
  const work = vi.fn(async () => 500)
  const done = keepDoing({ work, onFailure: () => {}, pauseMs }, stop.signal)
  await vi.advanceTimersByTimeAsync(1_200)
  expect(work).toHaveBeenCalledTimes(3)
  stop.abort()
  await done
})

it('waits longer after each failure that follows another, and tells each', async () => {
  const stop = new AbortController()
  const failures = [new Error('1'), new Error('2'), new Error('3'), new Error('4')]
  const told: unknown[] = []
  const work = async () => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    return 100_000
  }
  const onFailure = (error: unknown, waitMs: number) => told.push([String(error), waitMs])
  const done = keepDoing({ work, onFailure, pauseMs }, stop.signal)
  await vi.advanceTimersByTimeAsync(20_000)
  stop.abort()
  await done
  expect(told).toEqual([
    ['Error: 1', 1_000],
    ['Error: 2', 2_000],
    ['Error: 3', 4_000],
    ['Error: 4', 4_000],
  ])
})

it('ends with a mistake in the program', async () => {
  const work = async (): Promise<number> => {
    throw new ReferenceError('x is not defined')
  }
  const doing = keepDoing({ work, onFailure: () => {}, pauseMs }, new AbortController().signal)
  await expect(doing).rejects.toThrow('x is not defined')
})

it('tells no failure that the abort itself has made', async () => {
  const stop = new AbortController()
  const onFailure = vi.fn()
  const work = async (): Promise<number> => {
    stop.abort()
    throw new Error('cut short')
  }
  await keepDoing({ work, onFailure, pauseMs }, stop.signal)
  expect(onFailure).not.toHaveBeenCalled()
})
