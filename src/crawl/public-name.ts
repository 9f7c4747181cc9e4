/** Names that mean something on one machine or in one network alone (RFC 6761, 6762, 7686, 8375, 9476). */
const PRIVATE_ZONES = ['localhost', 'local', 'internal', 'home.arpa', 'lan', 'localdomain', 'onion', 'alt']

/** Blocks of IPv4 addresses that are no host's on the internet (RFC 6890), each with the number of its leading bits. */
const PRIVATE_BLOCKS: readonly (readonly [address: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

const BLOCKS = PRIVATE_BLOCKS.map(([address, bits]) => ({ first: numberOf(address) >>> (32 - bits), bits }))

/**
 * Whether a host can be one of the internet, by its name alone: not an address of a private network or of this machine,
 * and not a name that only such a network knows.
 *
 * @param hostname as `URL` gives it: in small letters, an IPv4 address in its usual form, an IPv6 one in brackets
 */
export function isPublicName(hostname: string): boolean {
  if (hostname.startsWith('[')) return isPublicIpv6(hostname.slice(1, -1))
  if (/^\d+(?:\.\d+){3}$/.test(hostname)) return isPublicIpv4(numberOf(hostname))
  if (!hostname.includes('.')) return false
  return !PRIVATE_ZONES.some((zone) => hostname === zone || hostname.endsWith(`.${zone}`))
}

function isPublicIpv4(address: number): boolean {
  return !BLOCKS.some(({ first, bits }) => address >>> (32 - bits) === first)
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0)
}

/** Only the addresses that are given out (2000::/3) are public, but for those that hold an IPv4 address or are examples. */
function isPublicIpv6(address: string): boolean {
  const words = wordsOf(address)
  const [first = 0, second = 0] = words
  const lead = `${first.toString(16)}:${second.toString(16)}`
  // Teredo and 6to4 lead to IPv4 addresses; 2001:db8 is for examples.
  return first >> 13 === 1 && first !== 0x2002 && lead !== '2001:0' && lead !== '2001:db8'
}

/** The eight numbers of an address in the form that `URL` gives: short, without an IPv4 address in it. */
function wordsOf(address: string): number[] {
  const [left = '', right] = address.split('::')
  const numbers = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  if (right === undefined) return numbers(left)
  const gap = 8 - numbers(left).length - numbers(right).length
  return [...numbers(left), ...Array.from({ length: gap }, () => 0), ...numbers(right)]
}
