import { expect, test } from "vitest";
import { clockFace } from "../../src/shared/clock-face";

test("a running call shows its length as telephones do", () => {
  expect([0, 9_999, 61_000, 3_600_000].map(clockFace)).toEqual(["0:00", "0:09", "1:01", "60:00"]);
});
