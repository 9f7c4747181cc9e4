import { type ServerResponse, STATUS_CODES } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { CutFault, EndlessFault, Fault, StallFault } from './relay-script.ts'

/** A whole answer, before any fault of the transfer. */
export interface Answer {
  status: number
  headers: Readonly<Record<string, string>>
  body: string
}

/** How often a dripping body goes on, in milliseconds: slower only when there is less than a byte each time. */
const DRIP_MS = 50

export function jsonAnswer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const text = typeof body === 'string' ? body : (JSON.stringify(body) ?? '')
  return { status, headers: { 'content-type': 'application/json; charset=utf-8', ...headers }, body: text }
}

/** An error in XRPC's form, named after the status unless it has a name of its own. */
export function errorAnswer(status: number, error?: string, message?: string): Answer {
  const reason = STATUS_CODES[status] ?? 'Unknown'
  return jsonAnswer(status, { error: error ?? reason.replaceAll(/\W/g, ''), message: message ?? reason })
}

/**
 * Sends an answer in the way that the fault asks for.
 *
 * @param pause waits, and rejects when the relay closes
 */
export async function send(
  response: ServerResponse,
  answer: Answer,
  fault: Fault | undefined,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const body = Buffer.from(answer.body)
  const headers = { ...answer.headers, 'content-length': String(body.length) }
  if (fault !== undefined && 'cut' in fault) return cut(response, answer.status, headers, body, fault)
  if (fault !== undefined && 'stall' in fault) return stall(response, answer.status, headers, body, fault)
  if (fault !== undefined && 'endless' in fault) return sendEndless(response, answer, fault)
  response.writeHead(answer.status, headers)
  if (fault !== undefined && 'drip' in fault) await drip(response, body, fault.drip, pause)
  else response.end(body)
}

type Headers = Readonly<Record<string, string>>

function cut(
  response: ServerResponse,
  status: number,
  headers: Headers,
  body: Buffer,
  fault: CutFault,
): void {
  const { socket } = response
  const breakOff = () => socket?.destroy()
  if (fault.cut === 'before-headers') breakOff()
  else if (fault.cut === 'in-headers') socket?.write(`HTTP/1.1 ${status} OK\r\ncontent-ty`, breakOff)
  else response.writeHead(status, headers).write(half(body), breakOff)
}

function stall(
  response: ServerResponse,
  status: number,
  headers: Headers,
  body: Buffer,
  fault: StallFault,
): void {
  if (fault.stall === 'body') response.writeHead(status, headers).write(half(body))
}

function half(body: Buffer): Buffer {
  return body.subarray(0, body.length >> 1)
}

async function drip(
  response: ServerResponse,
  body: Buffer,
  bytesPerSecond: number,
  pause: (ms: number) => Promise<void>,
): Promise<void> {
  const pauseMs = Math.max(DRIP_MS, 1000 / bytesPerSecond)
  const step = Math.max(1, Math.round((bytesPerSecond * pauseMs) / 1000))
  for (let sent = 0; sent < body.length && !response.destroyed; sent += step) {
    response.write(body.subarray(sent, sent + step))
    await pause(pauseMs)
  }
  response.end()
}

async function sendEndless(response: ServerResponse, answer: Answer, fault: EndlessFault): Promise<void> {
  response.writeHead(200, { ...answer.headers, ...(fault.gzip ? { 'content-encoding': 'gzip' } : {}) })
  const source = Readable.from(endlessPage())
  // The only end that this transfer has is a connection that one side closes.
  const closed = () => {}
  if (fault.gzip) await pipeline(source, createGzip(), response).catch(closed)
  else await pipeline(source, response).catch(closed)
}

function* endlessPage(): Generator<string> {
  const repos = '{"did":"did:plc:aaaaaaaaaaaaaaaaaaaaaaaa"},'.repeat(1500)
  yield '{"repos":['
  while (true) yield repos
}
