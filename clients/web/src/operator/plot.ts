/** How is one quantity of a call drawn over the last two minutes? */

import { child, write } from "../shared/dom";
import { type Box, type Point, pathOf, type Range, roundRange } from "./plot-shape";

export type Series = readonly Point[];

export interface PlotKind {
  readonly title: string;
  readonly unit: string;
  /** Fixed, or as the values need it, up to at least this. */
  readonly range: Range | { readonly atLeast: number };
  /** A value as text, without the unit. */
  format(value: number): string;
}

const SPAN_MS = 120_000;
const SVG = "http://www.w3.org/2000/svg";

/** A figure with a caption, a legend with the newest values, and a line for each name. */
export class Plot {
  readonly #kind: PlotKind;
  readonly #lines: Lines;
  readonly #values: readonly HTMLElement[];
  readonly #high: HTMLElement;
  readonly #low: HTMLElement;

  constructor(parent: HTMLElement, kind: PlotKind, names: readonly string[]) {
    this.#kind = kind;
    const figure = child(parent, "figure", "plot");
    const caption = child(figure, "figcaption");
    child(caption, "span", "plot-title", `${kind.title}, ${kind.unit}`);
    this.#values = names.map((name, index) => {
      const key = child(caption, "span", `key series-${index}`, `${name} `);
      return child(key, "b");
    });
    const frame = child(figure, "div", "frame");
    this.#high = child(frame, "span", "scale high");
    this.#low = child(frame, "span", "scale low");
    this.#lines = new Lines(frame, { width: 600, height: 120 }, names.length);
  }

  show(series: readonly Series[]): void {
    const { range, format } = this.#kind;
    const values = "atLeast" in range ? roundRange(series.flat(), range.atLeast) : range;
    write(this.#high, format(values.high));
    write(this.#low, format(values.low));
    this.#lines.show(series, values);
    this.#values.forEach((shown, index) => {
      const newest = series[index]?.at(-1)?.value;
      write(shown, newest === undefined ? "–" : format(newest));
    });
  }
}

/** The same as small as a word, without any words. */
export class Spark {
  readonly #lines: Lines;
  readonly #range: Range;

  constructor(parent: HTMLElement, range: Range) {
    this.#range = range;
    this.#lines = new Lines(child(parent, "span", "spark"), { width: 120, height: 24 }, 2);
  }

  show(series: readonly Series[]): void {
    this.#lines.show(series, this.#range);
  }
}

/** The drawing alone. The newest point of all is at the right edge. */
class Lines {
  readonly #box: Box;
  readonly #paths: readonly SVGPathElement[];

  constructor(parent: HTMLElement, box: Box, count: number) {
    this.#box = box;
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    // The newest values stand beside it in words; lines say nothing to a screen reader.
    drawing.setAttribute("aria-hidden", "true");
    this.#paths = Array.from({ length: count }, (_, index) => {
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("class", `series-${index}`);
      path.setAttribute("vector-effect", "non-scaling-stroke");
      drawing.append(path);
      return path;
    });
    parent.append(drawing);
  }

  show(series: readonly Series[], values: Range): void {
    const newestMs = Math.max(...series.map((points) => points.at(-1)?.atMs ?? 0));
    this.#paths.forEach((path, index) => {
      path.setAttribute("d", pathOf(series[index] ?? [], this.#box, values, newestMs, SPAN_MS));
    });
  }
}
