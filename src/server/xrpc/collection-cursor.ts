/** Longer than the cursor of the longest DID; what is longer is not decoded. */
const MAX_LENGTH = 4096

/**
 * An index's cursor as a client sees it: opaque, and with its collection in it, so that {@link readCursor} can refuse
 * it for any other collection instead of answering with the wrong list. It guards no secret: an index gives every list
 * to everyone.
 */
export function cursorFor(collection: string, cursor: string): string {
  // No NSID has a NUL in it.
  const bytes = new TextEncoder().encode(`${collection}\0${cursor}`)
  const base64 = btoa(String.fromCharCode(...bytes))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** @returns the index's cursor; nothing when `text` is not a cursor for this collection */
export function readCursor(collection: string, text: string): string | undefined {
  const decoded = text.length > MAX_LENGTH ? undefined : decode(text)
  return decoded?.startsWith(`${collection}\0`) ? decoded.slice(collection.length + 1) : undefined
}

function decode(base64Url: string): string | undefined {
  if (!/^[\w-]+$/.test(base64Url)) return undefined
  try {
    const binary = atob(base64Url.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}
