import { expect, test } from "vitest";
import { FLOOR_DBFS, fraction, levelDbfs, peakBin } from "../../src/call/meters";

test("silence is at the floor, a full-scale sine 3 dB below full scale", () => {
  expect(levelDbfs(new Float32Array(480))).toBe(FLOOR_DBFS);
  const sine = Float32Array.from({ length: 480 }, (_, i) => Math.sin((2 * Math.PI * i) / 48));
  expect(levelDbfs(sine)).toBeCloseTo(-3.01, 1);
});

test("a peak is found between bins", () => {
  const parabola = Float32Array.from({ length: 32 }, (_, bin) => -((bin - 9.3) ** 2));
  expect(peakBin(parabola)).toBeCloseTo(9.3, 3);
});

test("a spectrum of nothing has a peak nowhere in particular", () => {
  expect(peakBin(new Float32Array(32).fill(Number.NEGATIVE_INFINITY))).toBe(1);
});

test("a meter is empty in silence and full when loud", () => {
  expect([FLOOR_DBFS, -60, -33, -6, 0].map(fraction)).toEqual([0, 0, 0.5, 1, 1]);
});
