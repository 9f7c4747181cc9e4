import type { WalkAnchor } from '../contracts/progress-store.ts'

/**
 * An anchor as a store keeps it: JSON in ASCII, which every database can hold, whatever its encoding and the relay's
 * words.
 */
export function anchorText(anchor: WalkAnchor | undefined): string | undefined {
  if (anchor === undefined) return undefined
  const { cursor, lastDids, repos } = anchor
  return JSON.stringify({ cursor, lastDids, repos }).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** What {@link anchorText} made. Anything else is no anchor: then the walk's next page brings one. */
export function anchorFrom(text: string | null | undefined): WalkAnchor | undefined {
  try {
    const { cursor, lastDids, repos } = JSON.parse(text ?? '{}')
    const isWhole =
      typeof cursor === 'string' &&
      Array.isArray(lastDids) &&
      lastDids.every((did) => typeof did === 'string')
    return isWhole && Number.isSafeInteger(repos) ? { cursor, lastDids, repos } : undefined
  } catch {
    return undefined
  }
}
