/**
 * OpenTelemetry metrics and spans of a run, made from its events. Needs `@opentelemetry/api`; which SDK and
 * which exporter, if any, is the application's choice.
 *
 * @module atproto-collection-backfill/opentelemetry
 */
export { createTelemetry, type Telemetry, type TelemetryOptions } from './telemetry.ts'
