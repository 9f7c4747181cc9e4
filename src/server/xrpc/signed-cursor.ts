import { InvalidOptionError } from '../../errors.ts'

/** Signs the cursors of an index for one collection each, and reads them again. */
export interface CursorSigner {
  sign(collection: string, cursor: string): Promise<string>
  /** @returns nothing for a cursor that this signer did not make for this collection */
  open(collection: string, signed: string): Promise<string | undefined>
}

/** What signs where nobody gave a secret. It keeps nothing secret: see {@link XrpcHandlerOptions.cursorSecret}. */
const WELL_KNOWN = 'atproto-collection-backfill'

const MIN_SECRET_LENGTH = 16

/** Longer than the cursor of the longest DID; what is longer is not decoded. */
const MAX_LENGTH = 4096

/**
 * The index's cursor as base64url, a dot, and an HMAC (SHA-256) over the collection and the cursor.
 *
 * @throws InvalidOptionError
 */
export function cursorSigner(secret: string | undefined): CursorSigner {
  if (secret !== undefined && !(typeof secret === 'string' && secret.length >= MIN_SECRET_LENGTH)) {
    const expected = `a text of at least ${MIN_SECRET_LENGTH} characters`
    throw new InvalidOptionError('cursorSecret', expected, '(hidden)')
  }
  const algorithm = { name: 'HMAC', hash: 'SHA-256' }
  let importing: Promise<CryptoKey> | undefined
  const key = () => {
    importing ??= crypto.subtle.importKey('raw', encode(secret ?? WELL_KNOWN), algorithm, false, [
      'sign',
      'verify',
    ])
    return importing
  }
  // No NSID holds a NUL, so no two pairs are the same text.
  const signed = (collection: string, cursor: string) => encode(`${collection}\0${cursor}`)
  return {
    async sign(collection, cursor) {
      const signature = await crypto.subtle.sign('HMAC', await key(), signed(collection, cursor))
      return `${toBase64Url(encode(cursor))}.${toBase64Url(new Uint8Array(signature))}`
    },
    async open(collection, text) {
      if (text.length > MAX_LENGTH) return undefined
      const [payload, signature] = text.split('.', 2).map(fromBase64Url)
      if (payload === undefined || signature === undefined) return undefined
      const cursor = new TextDecoder('utf-8', { ignoreBOM: true }).decode(payload)
      const isOurs = await crypto.subtle.verify('HMAC', await key(), signature, signed(collection, cursor))
      return isOurs ? cursor : undefined
    },
  }
}

type Bytes = Uint8Array<ArrayBuffer>

function encode(text: string): Bytes {
  return new TextEncoder().encode(text)
}

function toBase64Url(bytes: Bytes): string {
  const base64 = btoa(String.fromCharCode(...bytes))
  return base64.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

function fromBase64Url(text: string): Bytes | undefined {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return undefined
  const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0))
}
