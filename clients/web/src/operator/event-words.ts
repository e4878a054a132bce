/** What does an event of a call say to an operator, in a line? */

import type { Told } from "../shared/events";
import { bare, durationMs, type Fields, fields, number, text } from "../shared/protojson";

export interface EventWords {
  readonly title: string;
  readonly detail: string;
  readonly tone: "plain" | "speech" | "trouble";
}

/** Undefined for what would only be noise: words that are not final yet. */
export function wordsOf({ name, body }: Told): EventWords | undefined {
  if (name === "transcript" && body["final"] !== true) return undefined;
  const known = WORDS[name];
  return known ? known(body) : plain(spaced(name), "");
}

const WORDS: Readonly<Record<string, (body: Fields) => EventWords>> = {
  stateChanged: (body) => plain("Call", humane(bare(body["state"], "CALL_STATE_"))),
  participantChanged: (body) =>
    plain(
      text(fields(body["participant"])["name"]) || "Somebody",
      humane(bare(body["change"], "PARTICIPANT_CHANGE_")),
    ),
  mediaStateChanged: (body) => link("LiveKit", bare(body["state"], "LINK_STATE_")),
  modelStateChanged: (body) => link("Model", bare(body["state"], "LINK_STATE_")),
  agentStateChanged: (body) => plain("Agent", humane(bare(body["state"], "AGENT_STATE_"))),
  userSpeech: (body) => plain("Caller", body["speaking"] === true ? "speaks" : "stops speaking"),
  transcript: (body) => ({
    title: bare(body["role"], "TRANSCRIPT_ROLE_") === "USER" ? "Caller" : "Agent",
    detail: `“${text(body["text"])}”`,
    tone: "speech",
  }),
  responseStarted: (body) => plain("Answer", body["greeting"] === true ? "greeting" : "begun"),
  responseFinished: (body) => {
    const status = bare(body["status"], "RESPONSE_STATUS_");
    const detail = [humane(status), text(body["detail"])].filter(Boolean).join(", ");
    return status === "FAILED" ? trouble("Answer", detail) : plain("Answer", detail);
  },
  interruption: (body) =>
    plain("Interruption", `${seconds(number(body["heardMs"]))} of the answer were heard`),
  interruptionDismissed: () => plain("Interruption", "dismissed"),
  warning: (body) => trouble("Warning", text(body["message"]) || text(body["code"])),
  toolCalled: (body) => plain("Tool", `${text(body["name"])} called`),
  toolFinished: (body) => {
    const status = bare(body["status"], "TOOL_STATUS_");
    const took = durationMs(body["duration"]);
    const detail = [
      `${text(body["name"])} ${humane(status)}`,
      text(body["code"]),
      took === undefined ? "" : seconds(took),
    ];
    const words = detail.filter(Boolean).join(", ");
    return status === "SUCCEEDED" ? plain("Tool", words) : trouble("Tool", words);
  },
  controlApplied: (body) => plain("Command", `${text(body["command"])} applied`),
  controlRefused: (body) =>
    trouble("Command", `${text(body["command"])}: ${text(body["message"])}`),
  chatReceived: (body) => ({ title: "Written", detail: `“${text(body["text"])}”`, tone: "speech" }),
  silenceStep: (body) => plain("Silence", `step ${number(body["step"])}`),
  limitWarning: (body) => trouble("Limit", humane(bare(body["limit"], "LIMIT_KIND_"))),
  languageSwitched: (body) => plain("Language", text(body["language"])),
  dtmfSent: () => plain("Keys", "pressed"),
  turnMeasured: (body) => {
    const parts = fields(body["latencyParts"]);
    const named = ["endpointing", "model", "transport", "playout"].flatMap((name) => {
      const ms = durationMs(parts[name]);
      return ms === undefined ? [] : [`${name} ${Math.round(ms)}`];
    });
    const heard = `heard after ${Math.round(durationMs(body["latency"]) ?? 0)} ms`;
    return plain("Answer", named.length > 0 ? `${heard}: ${named.join(", ")}` : heard);
  },
  turnAwaitsResponse: () => plain("Turn", "waits for the gateway"),
  ended: (body) => {
    const call = fields(fields(body["report"])["call"]);
    const reason = humane(bare(call["endReason"], "END_REASON_"));
    const fault = bare(call["endFault"], "END_FAULT_");
    const isNobodys = ["", "UNSPECIFIED", "NONE"].includes(fault);
    return isNobodys ? plain("Ended", reason) : trouble("Ended", `${reason}, by ${humane(fault)}`);
  },
};

/** A machine's name as words: "MODEL_LOST" is "model lost". */
export function humane(name: string): string {
  return name.toLowerCase().replaceAll("_", " ");
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/** "somethingNew" is "Something new". */
function spaced(name: string): string {
  const words = name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function plain(title: string, detail: string): EventWords {
  return { title, detail, tone: "plain" };
}

function trouble(title: string, detail: string): EventWords {
  return { title, detail, tone: "trouble" };
}

function link(title: string, state: string): EventWords {
  const isTrouble = state === "INTERRUPTED" || state === "LOST";
  return isTrouble ? trouble(title, humane(state)) : plain(title, humane(state));
}
