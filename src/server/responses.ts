/**
 * An answer that is no `Response` yet: Node takes a third of a millisecond to put a page into one and to take it out
 * again, which a server on `node:http` need not do.
 */
export interface PlainAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array<ArrayBuffer> | null
}

export function responseOf({ status, headers, body }: PlainAnswer): Response {
  return new Response(body, { status, headers })
}

/** A request that cannot be answered, in XRPC's words: the status, the error's name and a sentence for people. */
export class XrpcError extends Error {
  override readonly name = 'XrpcError'
  readonly status: number
  readonly error: string
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    error: string,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.status = status
    this.error = error
    this.headers = headers
  }
}

export function invalidRequest(message: string): XrpcError {
  return new XrpcError(400, 'InvalidRequest', message)
}

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, { status, headers })
}

/** The one value of a parameter; nothing when it is absent. */
export function single(params: URLSearchParams, name: string): string | undefined {
  const [value, ...more] = params.getAll(name)
  if (more.length > 0) throw invalidRequest(`${name} must be given once`)
  return value
}
