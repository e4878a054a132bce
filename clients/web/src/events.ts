/** What happens in the call, as the server tells it? */

import { eventsUrl, isRecord, text } from "./api";

export type AgentState = "idle" | "listening" | "thinking" | "speaking" | "tool";
export type Speaker = "user" | "agent";

export type CallEvent =
  | { readonly kind: "callState"; readonly state: string }
  | { readonly kind: "agentState"; readonly state: AgentState }
  | { readonly kind: "userSpeech"; readonly speaking: boolean }
  | {
      readonly kind: "transcript";
      readonly itemId: string;
      readonly speaker: Speaker;
      /** All of the item so far, not what was added. */
      readonly text: string;
      readonly final: boolean;
    }
  | { readonly kind: "interruption"; readonly itemId: string }
  | { readonly kind: "ended"; readonly reason: string; readonly fault: string };

export interface Numbered {
  readonly sequence: number;
  /** Undefined for the kinds this page has no use for. */
  readonly event: CallEvent | undefined;
}

const AGENT_STATES: Readonly<Record<string, AgentState>> = {
  IDLE: "idle",
  LISTENING: "listening",
  THINKING: "thinking",
  SPEAKING: "speaking",
  TOOL: "tool",
};

/** Reads one event in protobuf's JSON, where a field of default value may be missing. */
export function eventFrom(json: string): Numbered | undefined {
  let envelope: unknown;
  try {
    envelope = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (!isRecord(envelope)) return undefined;
  return { sequence: Number(envelope["sequence"] ?? 0), event: bodyOf(envelope) };
}

function bodyOf(envelope: Record<string, unknown>): CallEvent | undefined {
  for (const [field, read] of Object.entries(READERS)) {
    const body = envelope[field];
    if (isRecord(body)) return read(body);
  }
  return undefined;
}

const READERS: Readonly<Record<string, (body: Record<string, unknown>) => CallEvent | undefined>> =
  {
    stateChanged: (body) => ({
      kind: "callState",
      state: bare(text(body["state"]), "CALL_STATE_"),
    }),
    agentStateChanged: (body) => {
      const state = AGENT_STATES[bare(text(body["state"]), "AGENT_STATE_")];
      return state && { kind: "agentState", state };
    },
    userSpeech: (body) => ({ kind: "userSpeech", speaking: body["speaking"] === true }),
    transcript: (body) => ({
      kind: "transcript",
      itemId: text(body["itemId"]),
      speaker: bare(text(body["role"]), "TRANSCRIPT_ROLE_") === "USER" ? "user" : "agent",
      text: text(body["text"]),
      final: body["final"] === true,
    }),
    interruption: (body) => ({ kind: "interruption", itemId: text(body["itemId"]) }),
    ended: (body) => {
      const report = isRecord(body["report"]) ? body["report"] : {};
      const call = isRecord(report["call"]) ? report["call"] : {};
      return {
        kind: "ended",
        reason: bare(text(call["endReason"]), "END_REASON_"),
        fault: bare(text(call["endFault"]), "END_FAULT_"),
      };
    },
  };

/** Enum values carry their type's name as a prefix. */
function bare(value: string, prefix: string): string {
  return value.startsWith(prefix) ? value.slice(prefix.length) : value;
}

// A refused stream is tried again at this pace; a broken one the browser itself takes up.
const RETRY_MS = 3_000;

/**
 * Delivers each event once, in order, until it is closed; survives a broken connection, since
 * the server sends again what was missed and repeats are known by their sequence number.
 */
export function watchEvents(
  connectionId: string,
  deliver: (event: CallEvent) => void,
): { close(): void } {
  let source: EventSource | undefined;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let seen = 0;

  function open(): void {
    const opened = new EventSource(eventsUrl(connectionId));
    source = opened;
    opened.onmessage = ({ data }) => {
      const numbered = eventFrom(String(data));
      if (numbered === undefined || (numbered.sequence !== 0 && numbered.sequence <= seen)) return;
      seen = Math.max(seen, numbered.sequence);
      if (numbered.event) deliver(numbered.event);
    };
    opened.onerror = () => {
      if (opened.readyState === EventSource.CLOSED) retry = setTimeout(open, RETRY_MS);
    };
  }

  open();
  return {
    close() {
      clearTimeout(retry);
      source?.close();
    },
  };
}
