/** How are the fields of protobuf's JSON read, where one of default value may be missing? */

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The fields of a message; none if it is not there. */
export function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Numbers of 64 bits, and those that JSON does not know, come as text. */
export function number(value: unknown): number {
  const read = Number(value ?? 0);
  return Number.isFinite(read) ? read : 0;
}

/** A number that may be unknown. */
export function optionalNumber(value: unknown): number | undefined {
  return value === undefined || value === null ? undefined : number(value);
}

/** A Duration such as "1.5s"; undefined if it is not set. */
export function durationMs(value: unknown): number | undefined {
  const seconds = /^(-?\d+(?:\.\d+)?)s$/.exec(text(value))?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

/** A Timestamp as milliseconds of the epoch; undefined if it is not set. */
export function timeMs(value: unknown): number | undefined {
  const read = Date.parse(text(value));
  return Number.isNaN(read) ? undefined : read;
}

/** An enum's value without its type's name, which it carries as a prefix. */
export function bare(value: unknown, prefix: string): string {
  const name = text(value);
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
