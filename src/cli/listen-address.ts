/** Where to listen. */
export interface ListenAddress {
  /** A name or an address of this machine. Absent: every address, by IPv6 and IPv4. */
  readonly host?: string | undefined
  /** 0 takes any free one. */
  readonly port: number
}
