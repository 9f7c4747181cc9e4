import type { Compacted } from '../../contracts/opened-store.ts'
import { byteSize, plural } from '../../util/format.ts'

/** What compacting has come to. */
export function compactText(compacted: Compacted): string {
  const { dropped } = compacted
  if (dropped === 0) return sizeText(compacted)
  const what = plural(dropped, 'unfinished key', 'unfinished keys')
  return `${sizeText(compacted)} ${what} of a rebuild that broke off ${dropped === 1 ? 'was' : 'were'} dropped.`
}

function sizeText({ pairs, bytesBefore, bytesAfter }: Compacted): string {
  const each = pairs === 0 ? '' : `, ${Math.round(bytesAfter / pairs)} bytes a pair`
  // Others may have added pairs meanwhile.
  if (bytesAfter >= bytesBefore)
    return `The index takes ${byteSize(bytesAfter)}${each}: there was nothing to gain.`
  return `The index takes ${byteSize(bytesAfter)}${each}; it was ${byteSize(bytesBefore)}.`
}
