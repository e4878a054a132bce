/** What happens in a call, as the server tells it? */

import { eventsPath } from "./api";
import { bare, durationMs, type Fields, fields, isFields, number, text } from "./protojson";
import { openStream, type StreamUse } from "./stream";

export type AgentState = "idle" | "listening" | "thinking" | "speaking" | "tool";
export type Speaker = "user" | "agent";

export type CallEvent =
  | { readonly kind: "callState"; readonly state: string }
  | { readonly kind: "agentState"; readonly state: AgentState }
  | { readonly kind: "userSpeech"; readonly speaking: boolean }
  | {
      readonly kind: "participant";
      readonly identity: string;
      readonly name: string;
      readonly connected: boolean;
    }
  | {
      readonly kind: "transcript";
      readonly itemId: string;
      readonly speaker: Speaker;
      /** Whose words; empty where it is not known. */
      readonly identity: string;
      /** All of the item so far, not what was added. */
      readonly text: string;
      readonly final: boolean;
    }
  /** The first sound of an answer is heard; the person has waited for it. */
  | { readonly kind: "answered"; readonly waitedMs: number }
  | { readonly kind: "interruption"; readonly itemId: string }
  | { readonly kind: "ended"; readonly reason: string; readonly fault: string };

/** One event as it was told, whether or not somebody here has a use for its kind. */
export interface Told {
  readonly sequence: number;
  /** From the call's creation. */
  readonly offsetMs: number;
  /** The name of the kind in the API's JSON, such as "stateChanged". */
  readonly name: string;
  readonly body: Fields;
}

const AGENT_STATES: Readonly<Record<string, AgentState>> = {
  IDLE: "idle",
  LISTENING: "listening",
  THINKING: "thinking",
  SPEAKING: "speaking",
  TOOL: "tool",
};

/** Reads one event; undefined if it is none. */
export function toldFrom(json: string): Told | undefined {
  let envelope: unknown;
  try {
    envelope = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isFields(envelope)) return undefined;
  // Its kind is the one field that is a message.
  const [name, body] = Object.entries(envelope).find(([, value]) => isFields(value)) ?? ["", {}];
  return {
    sequence: number(envelope["sequence"]),
    offsetMs: durationMs(envelope["callOffset"]) ?? 0,
    name,
    body: fields(body),
  };
}

/** What an event means to a call; undefined for the kinds that change nothing in it. */
export function eventFrom({ name, body }: Told): CallEvent | undefined {
  return READERS[name]?.(body);
}

const READERS: Readonly<Record<string, (body: Fields) => CallEvent | undefined>> = {
  stateChanged: (body) => ({ kind: "callState", state: bare(body["state"], "CALL_STATE_") }),
  agentStateChanged: (body) => {
    const state = AGENT_STATES[bare(body["state"], "AGENT_STATE_")];
    return state && { kind: "agentState", state };
  },
  userSpeech: (body) => ({ kind: "userSpeech", speaking: body["speaking"] === true }),
  participantChanged: (body) => {
    const participant = fields(body["participant"]);
    return {
      kind: "participant",
      identity: text(participant["identity"]),
      name: text(participant["name"]),
      connected: participant["connected"] === true,
    };
  },
  transcript: (body) => ({
    kind: "transcript",
    itemId: text(body["itemId"]),
    speaker: bare(body["role"], "TRANSCRIPT_ROLE_") === "USER" ? "user" : "agent",
    identity: text(body["participantIdentity"]),
    text: text(body["text"]),
    final: body["final"] === true,
  }),
  turnMeasured: (body) => {
    const waitedMs = durationMs(body["latency"]);
    return waitedMs === undefined ? undefined : { kind: "answered", waitedMs };
  },
  interruption: (body) => ({ kind: "interruption", itemId: text(body["itemId"]) }),
  ended: (body) => {
    const call = fields(fields(body["report"])["call"]);
    return {
      kind: "ended",
      reason: bare(call["endReason"], "END_REASON_"),
      fault: bare(call["endFault"], "END_FAULT_"),
    };
  },
};

/** Delivers each event of a call once, in order, until it is closed or the call is over. */
export function watchEvents(
  connectionId: string,
  deliver: (event: Told) => void,
  use: Omit<StreamUse, "deliver"> = {},
): { close(): void } {
  let seen = 0;
  return openStream(eventsPath(connectionId), {
    ...use,
    deliver({ data }) {
      const told = toldFrom(data);
      // A server that does not know our Last-Event-ID begins anew.
      if (told === undefined || (told.sequence !== 0 && told.sequence <= seen)) return;
      seen = Math.max(seen, told.sequence);
      deliver(told);
    },
  });
}
