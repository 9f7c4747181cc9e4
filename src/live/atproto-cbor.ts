import { type DecodeOptions, decode, decodeFirst } from 'cborg'
import { takeValues, type ValueBudget } from './cbor-size.ts'

/** A link to a block, as the bytes of its CID. */
export class BlockLink {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** DAG-CBOR, as atproto has it: CIDs under the tag 42, behind a byte of zero; no other tag, no endless lengths. */
const OPTIONS: DecodeOptions = {
  allowIndefinite: false,
  allowUndefined: false,
  rejectDuplicateMapKeys: true,
  tags: {
    42: (content) => {
      const bytes: unknown = content()
      if (!(bytes instanceof Uint8Array) || bytes[0] !== 0) throw new Error('A link that is no CID.')
      return new BlockLink(bytes.subarray(1))
    },
  },
}

/** @throws when it is no DAG-CBOR, or more than the budget allows */
export function decodeCbor(bytes: Uint8Array, budget: ValueBudget): unknown {
  takeValues(bytes, budget)
  return decode(bytes, OPTIONS)
}

/** A value, and what stands behind it. @throws when it is no DAG-CBOR, or more than the budget allows */
export function decodeFirstCbor(bytes: Uint8Array, budget: ValueBudget): [value: unknown, rest: Uint8Array] {
  takeValues(bytes, budget)
  return decodeFirst(bytes, OPTIONS)
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz234567'

/** A CID of version 1 as a text: its bytes in base32, behind the letter that says so. */
export function cidText({ bytes }: BlockLink): string {
  let text = 'b'
  let bits = 0
  let rest = 0
  for (const byte of bytes) {
    rest = ((rest << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += LETTERS[(rest >>> (bits - 5)) & 31]
  }
  return bits === 0 ? text : text + LETTERS[(rest << (5 - bits)) & 31]
}
