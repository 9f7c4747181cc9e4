/** What was found lately, by name. */
export interface BoundedCache<Value> {
  get(name: string): Value | undefined
  /** Forgets what was not asked for the longest time, where there is too much. */
  set(name: string, value: Value): void
  delete(name: string): void
}

export function boundedCache<Value>(most: number): BoundedCache<Value> {
  const values = new Map<string, Value>()
  return {
    get(name) {
      const value = values.get(name)
      if (value === undefined) return undefined
      // A map keeps the order in which names came to it.
      values.delete(name)
      values.set(name, value)
      return value
    },
    set(name, value) {
      values.delete(name)
      values.set(name, value)
      const [oldest] = values.size > most ? values.keys() : []
      if (oldest !== undefined) values.delete(oldest)
    },
    delete: (name) => void values.delete(name),
  }
}
