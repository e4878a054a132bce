/** Which figures of a call are shown, and which are drawn? */

import type { Totals } from "./board";
import { seconds } from "./event-words";
import type { PlotKind, Series } from "./plot";
import type { Sample } from "./samples";

/** The range in which speech lives. */
export const LEVELS = { low: -60, high: 0 };

const whole = (value: number) => String(Math.round(value));

/** Each plot with its two lines, the callers' or the network's side first. */
export const PLOTS: readonly {
  readonly kind: PlotKind;
  readonly names: readonly string[];
  series(samples: readonly Sample[]): readonly Series[];
}[] = [
  {
    kind: { title: "Sound", unit: "dBFS", range: LEVELS, format: whole },
    names: ["callers", "agent"],
    series: levelsOf,
  },
  {
    kind: { title: "Waiting audio", unit: "ms", range: { atLeast: 100 }, format: whole },
    names: ["to the model", "to the callers"],
    series: (samples) => [
      series(samples, ({ toModelMs }) => toModelMs),
      series(samples, ({ toCallersMs }) => toCallersMs),
    ],
  },
  {
    kind: { title: "Network", unit: "ms", range: { atLeast: 20 }, format: whole },
    names: ["round trip", "jitter"],
    series: (samples) => [
      series(samples, ({ roundTripMs }) => roundTripMs),
      series(samples, ({ jitterMs }) => jitterMs),
    ],
  },
  {
    kind: { title: "Model", unit: "ms", range: { atLeast: 100 }, format: whole },
    names: ["answer after", "round trip"],
    series: (samples) => [
      series(samples, ({ turnLatencyMs }) => turnLatencyMs),
      series(samples, ({ modelRoundTripMs }) => modelRoundTripMs),
    ],
  },
];

export function levelsOf(samples: readonly Sample[]): readonly Series[] {
  return [
    series(samples, ({ callerDbfs }) => callerDbfs),
    series(samples, ({ agentDbfs }) => agentDbfs),
  ];
}

/** What went wrong since the page has watched the call. */
export function losses(totals: Totals): readonly (readonly [name: string, value: string])[] {
  return [
    ["Packets lost", `${totals.packetsLost} of ${totals.packets}`],
    ["Audio dropped", seconds(totals.droppedMs)],
    ["Gaps in the voice", String(totals.underruns)],
  ];
}

function series(samples: readonly Sample[], value: (sample: Sample) => number | undefined): Series {
  return samples.map((sample) => ({ atMs: sample.atMs, value: value(sample) }));
}
