/** What is a call called, how is it, and how long has it been going on? */

import { clockFace } from "../shared/clock-face";
import type { WatchedCall } from "./board";
import { humane } from "./event-words";

export function titleOf({ details }: WatchedCall): string {
  const people = details?.people.join(", ") || "Nobody yet";
  return details === undefined ? "A call" : `${people} with ${details.agentId}`;
}

/** What goes on in it now, or why it is over. */
export function conditionOf({ details, isLive, samples }: WatchedCall): string {
  const newest = samples.at(-1);
  if (!isLive) return details?.endReason ? `ended: ${humane(details.endReason)}` : "ended";
  if (newest?.state !== "ACTIVE") return humane(newest?.state ?? "");
  return humane(newest.agentState);
}

/** By the server's clock alone, whatever this device's says. */
export function lengthOf({ details, samples }: WatchedCall): string {
  const until = details?.endedAtMs ?? samples.at(-1)?.atMs;
  const from = details?.createdAtMs;
  return from === undefined || until === undefined ? "" : clockFace(until - from);
}
