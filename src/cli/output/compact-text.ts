import type { Compacted } from '../../contracts/opened-store.ts'
import { byteSize } from '../../util/format.ts'

/** What compacting has come to. */
export function compactText({ pairs, bytesBefore, bytesAfter }: Compacted): string {
  const each = pairs === 0 ? '' : `, ${Math.round(bytesAfter / pairs)} bytes a pair`
  // Others may have added pairs meanwhile.
  if (bytesAfter >= bytesBefore)
    return `The index takes ${byteSize(bytesAfter)}${each}: there was nothing to gain.`
  return `The index takes ${byteSize(bytesAfter)}${each}; it was ${byteSize(bytesBefore)}.`
}
