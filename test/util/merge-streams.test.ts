import { describe, expect, it } from 'vitest'
import { merge } from '../../src/util/merge-streams.ts'
import { gate } from '../support/scripted-lister.ts'

type Stream = AsyncGenerator<string, void, void>

describe('merge', () => {
  it('interleaves in the order in which items come', async () => {
    const slow = gate()
    async function* first(): Stream {
      await slow.wait()
      yield 'late'
    }
    async function* second(): Stream {
      yield 'early'
      yield 'soon'
      slow.pass()
    }
    expect(await Array.fromAsync(merge([first(), second()], new AbortController()))).toEqual([
      'early',
      'soon',
      'late',
    ])
  })

  it('pulls each stream one item ahead of the consumer and no further', async () => {
    let made = 0
    async function* counting(): Stream {
      for (;;) yield String(++made)
    }
    const merged = merge([counting()], new AbortController())
    for (let taken = 1; taken <= 5; taken++) {
      await merged.next()
      await new Promise(setImmediate)
      expect(made).toBe(taken + 1)
    }
    await merged.return()
  })

  it('an error of one ends them all, and each stream cleans up', async () => {
    const ended: string[] = []
    const stop = new AbortController()
    async function* waiting(): Stream {
      try {
        await new Promise((_, reject) =>
          stop.signal.addEventListener('abort', () => reject(stop.signal.reason)),
        )
      } finally {
        ended.push('waiting')
      }
    }
    async function* suspended(): Stream {
      try {
        yield 'a'
        yield 'b'
      } finally {
        ended.push('suspended')
      }
    }
    const fault = new Error('broken')
    // biome-ignore lint/correctness/useYield: it fails before
    async function* failing(): Stream {
      await new Promise(setImmediate)
      throw fault
    }
    await expect(Array.fromAsync(merge([waiting(), suspended(), failing()], stop))).rejects.toBe(fault)
    expect(ended.sort()).toEqual(['suspended', 'waiting'])
  })

  it('the signal ends streams also when nobody asks for the next item', async () => {
    const ended = gate()
    const stop = new AbortController()
    async function* suspended(): Stream {
      try {
        for (;;) yield 'a'
      } finally {
        void ended.wait()
      }
    }
    const merged = merge([suspended()], stop)
    await merged.next()
    stop.abort(new Error('enough'))
    await ended.reached
    await expect(merged.next()).rejects.toBe(stop.signal.reason)
  })

  it('leaves a signal alone when every stream came to its end', async () => {
    async function* one(): Stream {
      yield 'a'
    }
    const stop = new AbortController()
    expect(await Array.fromAsync(merge([one()], stop))).toEqual(['a'])
    expect(stop.signal.aborted).toBe(false)
  })
})
