import { parser } from '@prometheus-io/lezer-promql'

/** What a query asks of one metric. */
export interface AskedMetric {
  readonly name: string
  /** The values that labels are compared with, as written, by `=`, `!=`, `=~` or `!~`. */
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[]
}

/** A query, as Prometheus's own grammar reads it. */
export interface Query {
  readonly metrics: readonly AskedMetric[]
  /** The labels by which it groups and joins. */
  readonly grouping: readonly string[]
}

/** @throws Error for what is no PromQL */
export function readQuery(text: string): Query {
  const metrics: { name: string; matchers: AskedMetric['matchers'][number][] }[] = []
  const grouping: string[] = []
  let isGrouping = false
  parser.parse(text).iterate({
    enter({ type, from, to, node }) {
      const words = text.slice(from, to)
      if (type.isError) throw new Error(`No PromQL at ${from}: ${text}`)
      if (type.name === 'VectorSelector') metrics.push({ name: '', matchers: [] })
      const metric = metrics.at(-1)
      if (type.name === 'Identifier' && metric?.name === '') metric.name = words
      if (type.name === 'GroupingLabels') isGrouping = true
      if (type.name === 'LabelName' && isGrouping) grouping.push(words)
      if (type.name.endsWith('LabelMatcher')) {
        const [, label = '', operator = '', value = ''] = /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/s.exec(words) ?? []
        if (node.parent?.type.name === 'LabelMatchers') metric?.matchers.push({ label, operator, value })
      }
    },
    leave({ type }) {
      if (type.name === 'GroupingLabels') isGrouping = false
    },
  })
  return { metrics, grouping }
}
