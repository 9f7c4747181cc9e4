/**
 * For tests of a backfill and of what is built around one: a relay on a loopback port that does as it is told.
 *
 * @module
 */

export type { ListReposPage, RelayContents, RelayContentsOptions } from './contents.ts'
export { startRelay, type TestRelay, type TestRelayOptions } from './relay.ts'
export type {
  AnswerFault,
  CutFault,
  DelayFault,
  DripFault,
  EndlessFault,
  Fault,
  RelayRequest,
  RelayScript,
  StallFault,
  StatusFault,
} from './relay-script.ts'
