/** Which calls are there, and what is known of each? */

import type { CallDetails } from "./details";
import type { Sample } from "./samples";

export interface WatchedCall {
  readonly connectionId: string;
  /** The newest ones, the newest last. */
  readonly samples: readonly Sample[];
  /** Sums over all samples seen, not only over those that are kept. */
  readonly totals: Totals;
  readonly details: CallDetails | undefined;
  readonly isLive: boolean;
}

export interface Totals {
  readonly packets: number;
  readonly packetsLost: number;
  readonly droppedMs: number;
  readonly underruns: number;
}

/** In the order in which the calls were seen first. */
export type Board = ReadonlyMap<string, WatchedCall>;

export const EMPTY: Board = new Map();

/** At one sample a second, the two minutes that the plots show. */
export const SAMPLES_KEPT = 120;
/** Calls that have ended stay for a while, to be looked at. */
export const ENDED_KEPT = 10;

/** The board after one message of figures: it names every call that is live, and no other. */
export function afterSamples(board: Board, samples: ReadonlyMap<string, Sample>): Board {
  const calls = new Map<string, WatchedCall>();
  for (const [connectionId, call] of board) {
    const isLive = samples.has(connectionId);
    calls.set(connectionId, call.isLive === isLive ? call : { ...call, isLive });
  }
  for (const [connectionId, sample] of samples) {
    const call = calls.get(connectionId) ?? unknownCall(connectionId);
    calls.set(connectionId, withSample(call, sample));
  }
  return withoutOldest(calls);
}

export function afterDetails(board: Board, connectionId: string, details: CallDetails): Board {
  const call = board.get(connectionId);
  return call === undefined ? board : new Map(board).set(connectionId, { ...call, details });
}

/** As they are listed: live ones first, and among them the newest. */
export function listed(board: Board): readonly WatchedCall[] {
  const calls = [...board.values()].reverse();
  return [...calls.filter(({ isLive }) => isLive), ...calls.filter(({ isLive }) => !isLive)];
}

function unknownCall(connectionId: string): WatchedCall {
  const totals = { packets: 0, packetsLost: 0, droppedMs: 0, underruns: 0 };
  return { connectionId, samples: [], totals, details: undefined, isLive: true };
}

function withSample(call: WatchedCall, sample: Sample): WatchedCall {
  const { totals } = call;
  return {
    ...call,
    samples: [...call.samples, sample].slice(-SAMPLES_KEPT),
    totals: {
      packets: totals.packets + sample.packets,
      packetsLost: totals.packetsLost + sample.packetsLost,
      droppedMs: totals.droppedMs + sample.droppedMs,
      underruns: totals.underruns + sample.underruns,
    },
  };
}

function withoutOldest(calls: Map<string, WatchedCall>): Board {
  const ended = [...calls.values()].filter((call) => !call.isLive);
  for (const call of ended.slice(0, -ENDED_KEPT)) calls.delete(call.connectionId);
  return calls;
}
