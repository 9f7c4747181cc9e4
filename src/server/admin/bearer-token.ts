import { InvalidOptionError } from '../../errors.ts'

const MIN_LENGTH = 16

/**
 * Tells whether a request carries the token as `Authorization: Bearer …`. How long that takes says nothing about the
 * token: it compares HMACs, by a key that never leaves the process.
 *
 * @throws InvalidOptionError for a token that is too short, or that no header can hold
 */
export function bearerCheck(token: string): (request: Request) => Promise<boolean> {
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token) || token.length < MIN_LENGTH) {
    const expected = `a text of at least ${MIN_LENGTH} visible ASCII characters, as \`openssl rand -hex 32\` makes it`
    throw new InvalidOptionError('token', expected, token === undefined ? undefined : '(hidden)')
  }
  let preparing: Promise<{ key: CryptoKey; mac: ArrayBuffer }> | undefined
  return async (request) => {
    const given = /^Bearer +([\x21-\x7e]+) *$/i.exec(request.headers.get('authorization') ?? '')?.[1]
    if (given === undefined) return false
    preparing ??= prepare(token)
    const { key, mac } = await preparing
    return crypto.subtle.verify('HMAC', key, mac, encode(given))
  }
}

async function prepare(token: string): Promise<{ key: CryptoKey; mac: ArrayBuffer }> {
  const key = await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify'])
  return { key, mac: await crypto.subtle.sign('HMAC', key, encode(token)) }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text)
}
