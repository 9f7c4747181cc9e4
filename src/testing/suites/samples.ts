/** `count` different DIDs of the common kind, from number `start` on. */
export function didsFrom(start: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `did:plc:${base32(start + i)}`)
}

/** 24 letters of the alphabet that did:plc knows, which lacks four digits of ours. */
function base32(value: number): string {
  const letters: Record<string, string> = { 0: 'w', 1: 'x', 8: 'y', 9: 'z' }
  return value
    .toString(32)
    .padStart(24, '0')
    .replace(/[0189]/g, (digit) => letters[digit] ?? digit)
}

// Frozen, since all cases share them: a store that sorts what it is given would spoil those that come after.

/** Valid ones that are easily taken for each other, or cut off: 2,048 characters are the most that a DID may have. */
export const ODD_DIDS: readonly string[] = Object.freeze([
  'did:web:a.example',
  'did:web:A.example',
  'did:web:localhost%3A8080',
  'did:web:localhost:8080',
  'did:key:z6Mk-._',
  `did:plc:${'x'.repeat(2_039)}`,
  `did:plc:${'x'.repeat(2_040)}`,
])

/** The longest NSID: an authority of 253 characters and a name of 63. */
const LONGEST_NSID = `com${`.${'a'.repeat(63)}`.repeat(3)}.${'b'.repeat(57)}.${'c'.repeat(63)}`

/** Valid ones that are easily taken for each other, or cut off. The case of the last part counts. */
export const ODD_NSIDS: readonly string[] = Object.freeze([
  'com.example.fooBar',
  'com.example.foobar',
  'com.example.fooBar2',
  'com.example-1.x',
  LONGEST_NSID,
])

/** Cursors as a server may write them: no server owes anybody a URL-safe one. */
export const ODD_CURSORS: readonly string[] = Object.freeze([
  'a+b/c==',
  ' ',
  ' a ',
  '%2B',
  '&limit=1#x',
  "'; drop table x; --",
  '\\',
  '"{}"',
  'ü🦋\n\t',
  'null',
  'undefined',
  '0',
  '007',
  'A',
  'a',
  'x'.repeat(1_000),
])
