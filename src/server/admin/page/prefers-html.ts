/** Whether a request comes from a browser: it names HTML, and prefers it to JSON. */
export function prefersHtml(request: Request): boolean {
  const weights = new Map((request.headers.get('accept') ?? '').split(',').map(weighted))
  const html = weights.get('text/html') ?? 0
  return html > 0 && html > (weights.get('application/json') ?? 0)
}

/** One media range with its weight, which is 1 where it does not say. */
function weighted(range: string): [type: string, weight: number] {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  const weight = parameters.find((parameter) => parameter.startsWith('q='))
  return [type, weight === undefined ? 1 : Number(weight.slice(2)) || 0]
}
