/** The labels of one series, and its value. */
export interface ExposedSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The series of a text that Prometheus reads, by their names, without the labels of the scope. */
export function exposedSeries(text: string): ReadonlyMap<string, readonly ExposedSeries[]> {
  const found = new Map<string, ExposedSeries[]>()
  for (const line of text.split('\n')) {
    const [, name, given = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)/.exec(line) ?? []
    if (name === undefined) continue
    const labels = [...given.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].flatMap(([, label = '', word = '']) =>
      label.startsWith('otel_scope_') ? [] : [[label, word]],
    )
    const series = { labels: Object.fromEntries(labels), value: Number(value) }
    found.set(name, [...(found.get(name) ?? []), series])
  }
  return found
}
