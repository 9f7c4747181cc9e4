import { oneLine } from '../util/text.ts'

/** What a server says about an error. */
export interface ServerWords {
  error: string | undefined
  message: string | undefined
}

/**
 * Reads the body of an error answer: XRPC's `error` and `message`, or the beginning of a proxy's plain text
 * or HTML.
 */
export function serverWords(body: string): ServerWords {
  const json = parseObject(body)
  if (json === undefined) return { error: undefined, message: words(visibleText(body)) }
  return { error: words(json.error), message: words(json.message) }
}

function words(value: unknown): string | undefined {
  return typeof value === 'string' ? oneLine(value) || undefined : undefined
}

function parseObject(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function visibleText(body: string): string {
  if (!body.trimStart().startsWith('<')) return body
  return body.replace(/<(style|script)\b[\s\S]*?<\/\1>/gi, ' ').replace(/<[^<>]*>/g, ' ')
}
