import { readFileSync } from 'node:fs'

/** How many pairs the model counts: the size of the network in March 2026. */
const MODEL_PAIRS = 61_000_000

/** The collections of a network, with the number of repos in each. */
export interface Network {
  readonly sizes: Readonly<Record<string, number>>
  /** The collections that lexicon garden lists; the others are known to an index alone. */
  readonly garden: readonly string[]
  readonly collections: number
  readonly pairs: number
}

/** The model of the network, scaled to about `pairs` pairs. What has repos keeps at least one, what has none stays empty. */
export function scaledNetwork(pairs: number): Network {
  const rows = readModel()
  const scaled = (repos: number) => (repos === 0 ? 0 : Math.max(1, Math.round((repos * pairs) / MODEL_PAIRS)))
  const sizes = Object.fromEntries(rows.map(({ collection, repos }) => [collection, scaled(repos)]))
  return {
    sizes,
    garden: rows.filter(({ discoveredBy }) => discoveredBy === 'garden').map(({ collection }) => collection),
    collections: rows.length,
    pairs: Object.values(sizes).reduce((sum, size) => sum + size, 0),
  }
}

interface ModelRow {
  collection: string
  discoveredBy: string
  repos: number
}

function readModel(): ModelRow[] {
  const text = readFileSync(new URL('./network-model.csv', import.meta.url), 'utf8')
  const [, ...lines] = text.trimEnd().split(/\r?\n/)
  return lines.map((line) => {
    const [collection = '', discoveredBy = '', repos = ''] = line.split(',')
    return { collection, discoveredBy, repos: Number(repos) }
  })
}
