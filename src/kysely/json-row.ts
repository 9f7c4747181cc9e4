import { type AliasedRawBuilder, type RawBuilder, sql } from 'kysely'

/** What one row gives: an object, or its text where the driver does not parse JSON. */
export interface JsonRow<Row> {
  row: Row | string
}

/**
 * Selects columns as one JSON object, `row`; {@link rowOf} reads it. How a driver reads any other type is a setting of
 * the process, as with `pg.types.setTypeParser`, and how the server writes a time or a fraction is a setting of its
 * own, as `DateStyle` and `extra_float_digits` are. So a time is selected by {@link epochMs}, and a fraction as a whole
 * number.
 */
export function jsonRow<Row extends object>(
  columns: {
    [Column in keyof Row]: RawBuilder<unknown>
  },
): AliasedRawBuilder<Row | string, 'row'> {
  const entries = Object.entries<RawBuilder<unknown>>(columns)
  const pairs = entries.map(([name, value]) => sql`${sql.lit(name)}, ${value}`)
  return sql<Row | string>`json_build_object(${sql.join(pairs)})`.as('row')
}

export function rowOf<Row extends object>({ row }: JsonRow<Row>): Row {
  return typeof row === 'string' ? JSON.parse(row) : row
}

/** A time as milliseconds since 1970; null for one that is not finite, too. */
export function epochMs(time: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when isfinite(${time}) then (extract(epoch from ${time}) * 1000)::bigint end`
}

/** How long until a time, in milliseconds; negative for one that is past, null for one that is not finite. */
export function msUntil(time: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`case when isfinite(${time}) then ceil(extract(epoch from ${time} - clock_timestamp()) * 1000)::bigint end`
}
