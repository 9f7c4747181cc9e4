import { BlockLink, decodeCbor } from './atproto-cbor.ts'
import { MOST_CBOR_VALUES } from './cbor-size.ts'

/** The blocks of a commit, by the bytes of their CIDs as text. */
export interface RepoBlocks {
  /** A block, decoded. @returns undefined when it is not among them @throws when it cannot be decoded */
  get(link: unknown): unknown
  /** The first root: the commit. */
  readonly root: BlockLink | undefined
}

/**
 * Reads a CAR file, version 1: https://ipld.io/specs/transport/car/carv1/. The hashes are not checked: the relay has
 * verified what it sends.
 *
 * @throws when it is none
 */
export function readBlocks(car: Uint8Array): RepoBlocks {
  const header = readVarint(car, 0)
  const budget = { values: MOST_CBOR_VALUES }
  const { roots } = decodeCbor(car.subarray(header.end, header.end + header.value), budget) as {
    roots?: unknown
  }
  const blocks = new Map<string, Uint8Array>()
  const decoded = new Map<string, unknown>()
  for (let at = header.end + header.value; at < car.length; ) {
    const size = readVarint(car, at)
    const end = size.end + size.value
    if (end > car.length) throw new Error('The CAR file is cut short.')
    // Each takes an entry of the map, however small it is.
    budget.values -= 1
    if (budget.values < 0) throw new Error('More blocks than are worth reading.')
    const cidEnd = endOfCid(car, size.end)
    blocks.set(textOf(car.subarray(size.end, cidEnd)), car.subarray(cidEnd, end))
    at = end
  }
  return {
    root: Array.isArray(roots) && roots[0] instanceof BlockLink ? roots[0] : undefined,
    get(link) {
      const cid = link instanceof BlockLink ? textOf(link.bytes) : ''
      const block = blocks.get(cid)
      if (block === undefined || decoded.has(cid)) return decoded.get(cid)
      // Once for all the collections of a commit, also where it cannot be decoded.
      decoded.set(cid, undefined)
      const value = decodeCbor(block, budget)
      decoded.set(cid, value)
      return value
    },
  }
}

/** Version, codec, kind of hash, its length, and the hash. */
function endOfCid(bytes: Uint8Array, at: number): number {
  let end = at
  for (let part = 0; part < 3; part += 1) end = readVarint(bytes, end).end
  const length = readVarint(bytes, end)
  return length.end + length.value
}

/** An unsigned LEB128 of at most 28 bits: nothing here is longer. */
function readVarint(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0
  for (let i = 0; i < 4; i += 1) {
    const byte = bytes[at + i]
    if (byte === undefined) break
    value |= (byte & 0x7f) << (7 * i)
    if (byte < 0x80) return { value, end: at + i + 1 }
  }
  throw new Error('The CAR file is cut short, or a length in it is too long.')
}

function textOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes)
}
