/** What does the page say of a call, in words? */

import type { AgentState } from "../shared/events";
import type { Call } from "./call";
import type { CallState } from "./lifecycle";

/** The connection, in a word or two. */
export const CONNECTION: Readonly<Record<CallState, string>> = {
  idle: "Not connected",
  asking: "Connecting",
  connecting: "Connecting",
  connected: "Connected",
  reconnecting: "Reconnecting",
  ended: "Call ended",
};

const AGENT: Readonly<Record<AgentState, string>> = {
  idle: "Ready",
  listening: "Listening",
  thinking: "Thinking",
  speaking: "Speaking",
  tool: "Looking something up",
};

/** What the line under the agent's name says. */
export function doing(call: Call): string {
  switch (call.state) {
    case "asking":
      return "Allow the microphone when your browser asks";
    case "connecting":
      return "Connecting…";
    case "reconnecting":
      return call.isOffline
        ? "You are offline; the call waits for your network…"
        : "Your connection is unsteady, reconnecting…";
    case "connected":
      if (call.isAgentReconnecting) return "The agent is reconnecting…";
      if (call.agentState) return AGENT[call.agentState];
      return call.isAgentHere ? "On the line" : "Waiting for the agent…";
    default:
      return "";
  }
}

/** Who else is in the call; nothing if nobody is. */
export function company(names: readonly string[]): string {
  if (names.length === 0) return "";
  const listed = new Intl.ListFormat("en", { type: "conjunction" }).format(names);
  return `${listed} ${names.length === 1 ? "is" : "are"} here, too`;
}

/** In words, for a call that is over. */
export function lasted(ms: number): string {
  const seconds = Math.max(1, Math.round(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const parts = [plural(minutes, "minute"), plural(seconds % 60, "second")].filter(Boolean);
  return `The call lasted ${parts.join(" ")}.`;
}

export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames(["en"], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

function plural(count: number, unit: string): string {
  if (count === 0) return "";
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}
