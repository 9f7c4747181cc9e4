// Handlers on web standards, a `Request` in and a `Response` out: for Node, Bun, Deno, workers and whatever serves them.
export { type XrpcHandlerOptions, xrpcHandler } from './xrpc.ts'
