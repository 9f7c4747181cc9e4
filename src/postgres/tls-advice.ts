const NO_VERIFY = 'sslmode=no-verify takes any certificate.'

/** What a server or TLS says, and what to do about it. */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /does not support SSL|error establishing an SSL connection|before secure TLS connection/,
    'The server offers no TLS: turn it on there, or give sslmode=disable in the URL to go without.',
  ],
  [
    /no encryption$|SSL off$|SSL required|connection is insecure/,
    `The server wants TLS: give sslmode=verify-full in the URL. ${NO_VERIFY}`,
  ],
  [
    /valid client certificate|alert certificate required|certificate authentication failed/,
    'The server wants a certificate from its clients: give sslcert and sslkey in the URL, the paths of their files.',
  ],
  [
    /does not match certificate|altnames/,
    `The server’s certificate is for another host: name the host as the certificate does. ${NO_VERIFY}`,
  ],
  [/certificate (has expired|is not yet valid)/, `Renew the server’s certificate. ${NO_VERIFY}`],
  [
    /certificate/,
    `The server’s certificate is not trusted: give sslrootcert in the URL, the path of its authority’s certificate. ${NO_VERIFY}`,
  ],
]

/** What to do where TLS is why a connection failed; nothing where it is not. */
export function tlsAdvice(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return ADVICE.find(([words]) => words.test(error.message))?.[1]
}
