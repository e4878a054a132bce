/** Which states does a call go through, and from which to which? */

export type CallState = "idle" | "asking" | "connecting" | "connected" | "reconnecting" | "ended";

/** A call is used once: after "ended" comes a new call. */
export const NEXT: Readonly<Record<CallState, readonly CallState[]>> = {
  idle: ["asking", "ended"],
  asking: ["connecting", "ended"],
  connecting: ["connected", "ended"],
  connected: ["reconnecting", "ended"],
  reconnecting: ["connected", "ended"],
  ended: [],
};

export function canMove(from: CallState, to: CallState): boolean {
  return NEXT[from].includes(to);
}

/** True while there is a call to hang up. */
export function isUnderWay(state: CallState): boolean {
  return state !== "idle" && state !== "ended";
}
