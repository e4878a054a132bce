/** Which lines does a plot consist of? Geometry only, in a box of its own units. */

export interface Point {
  readonly atMs: number;
  /** Undefined: not known then; the line has a gap. */
  readonly value: number | undefined;
}

export interface Box {
  readonly width: number;
  readonly height: number;
}

export interface Range {
  readonly low: number;
  readonly high: number;
}

/** An SVG path through the points, the newest time at the right edge. */
export function pathOf(
  points: readonly Point[],
  box: Box,
  values: Range,
  newestMs: number,
  spanMs: number,
): string {
  let path = "";
  let isDrawing = false;
  for (const { atMs, value } of points) {
    const x = box.width * (1 - (newestMs - atMs) / spanMs);
    if (value === undefined || x < 0) {
      isDrawing = false;
      continue;
    }
    const share = (value - values.low) / (values.high - values.low);
    const y = box.height * (1 - Math.min(1, Math.max(0, share)));
    path += `${isDrawing ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDrawing = true;
  }
  return path;
}

/** From 0 to a round number above all values, and above `least`, so that a scale does not flicker. */
export function roundRange(points: readonly Point[], least: number): Range {
  const highest = Math.max(least, ...points.map(({ value }) => value ?? 0));
  const power = 10 ** Math.floor(Math.log10(highest));
  const step = [1, 2, 5, 10].find((one) => one * power >= highest) ?? 10;
  return { low: 0, high: step * power };
}
