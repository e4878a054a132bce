import { expect, test } from "vitest";
import { type Point, pathOf, roundRange } from "../../src/operator/plot-shape";

const BOX = { width: 100, height: 10 };
const RANGE = { low: 0, high: 100 };
const at = (atMs: number, value?: number): Point => ({ atMs, value });
const path = (...points: Point[]) => pathOf(points, BOX, RANGE, 1000, 1000);

test("time runs to the right, values upwards", () => {
  expect(path(at(0, 0), at(500, 50), at(1000, 100))).toBe("M0.0 10.0L50.0 5.0L100.0 0.0");
});

test("what is not known is a gap", () => {
  expect(path(at(0, 0), at(250), at(500, 0), at(1000, 0))).toBe("M0.0 10.0M50.0 10.0L100.0 10.0");
});

test("values beyond the range stay in the box, and older times outside", () => {
  expect(path(at(-1, 50), at(500, 900), at(1000, -900))).toBe("M50.0 0.0L100.0 10.0");
});

test.each([
  [[], 20],
  [[21], 50],
  [[50], 50],
  [[51], 100],
  [[2600], 5000],
])("a range for %j goes up to %d", (values, high) => {
  expect(
    roundRange(
      values.map((value) => at(0, value)),
      20,
    ),
  ).toEqual({ low: 0, high });
});
