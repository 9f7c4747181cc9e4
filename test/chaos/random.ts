import { mix } from '../../src/testing/dids.ts'

/** Numbers that look random and follow from a seed alone. */
export interface Random {
  /** From `min` up to and without `max`. */
  between(min: number, max: number): number
  /** One of them; the list must not be empty. */
  pick<T>(list: readonly T[]): T
}

export function seeded(seed: number): Random {
  let state = mix(seed)
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    return (mix(state) >>> 0) / 2 ** 32
  }
  return {
    between: (min, max) => min + next() * (max - min),
    pick(list) {
      const [first] = list
      if (first === undefined) throw new RangeError('nothing to pick from')
      return list[Math.floor(next() * list.length)] ?? first
    },
  }
}
