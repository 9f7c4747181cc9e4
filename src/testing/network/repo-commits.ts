import { mix } from '../dids.ts'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const SORTABLE = '234567abcdefghijklmnopqrstuvwxyz'

/** The commit of a repo, of the form that real ones have, from a number. */
export function commitOf(number: number): { head: string; rev: string } {
  return { head: headOf(number), rev: revOf(number) }
}

/** A CID of version 1 of a DAG-CBOR block, by a SHA-256 that is made up: 36 bytes in base32. */
function headOf(number: number): string {
  const bytes = [0x01, 0x71, 0x12, 0x20]
  for (let word = 1; word <= 8; word += 1) {
    const part = mix(number + word)
    bytes.push(part & 255, (part >>> 8) & 255, (part >>> 16) & 255, part >>> 24)
  }
  let text = 'b'
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32.charAt((held >>> (bits - 5)) & 31)
  }
  return text + BASE32.charAt((held << (5 - bits)) & 31)
}

/** A TID of the year 2026 or so: 13 letters. */
function revOf(number: number): string {
  let text = '3m'
  let left = mix(number)
  for (let place = 0; place < 11; place += 1) {
    text += SORTABLE.charAt(left & 31)
    left = mix(left + place)
  }
  return text
}
