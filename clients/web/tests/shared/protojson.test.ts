import { expect, test } from "vitest";
import { bare, durationMs, number, optionalNumber, timeMs } from "../../src/shared/protojson";

test("numbers of 64 bits come as text, and what is missing is 0", () => {
  expect([number("9007199254740991"), number(1.5), number(undefined), number("NaN")]).toEqual([
    9007199254740991, 1.5, 0, 0,
  ]);
});

test("an optional number is not known until it is there, and may be 0", () => {
  expect([optionalNumber(undefined), optionalNumber(0)]).toEqual([undefined, 0]);
});

test.each([
  ["1.5s", 1500],
  ["-0.25s", -250],
  ["0s", 0],
  ["soon", undefined],
  [undefined, undefined],
])("the duration %j is %j ms", (given, ms) => {
  expect(durationMs(given)).toBe(ms);
});

test("a timestamp is read to the millisecond", () => {
  expect(timeMs("1970-01-01T00:00:01.25Z")).toBe(1250);
  expect(timeMs("")).toBeUndefined();
});

test("an enum's value loses its type's name, and no other", () => {
  expect(bare("CALL_STATE_ACTIVE", "CALL_STATE_")).toBe("ACTIVE");
  expect(bare("ACTIVE", "CALL_STATE_")).toBe("ACTIVE");
});
