import { expect, test } from "vitest";
import { eventFrom } from "../src/events";

const read = (body: object) => eventFrom(JSON.stringify({ sequence: "12", ...body }))?.event;

test("the sequence number comes as protobuf writes it, as text", () => {
  expect(eventFrom('{"sequence":"12","stateChanged":{}}')?.sequence).toBe(12);
});

test.each([
  ["stateChanged", { state: "CALL_STATE_ACTIVE" }, { kind: "callState", state: "ACTIVE" }],
  [
    "agentStateChanged",
    { state: "AGENT_STATE_SPEAKING" },
    { kind: "agentState", state: "speaking" },
  ],
  ["userSpeech", { speaking: true }, { kind: "userSpeech", speaking: true }],
  ["interruption", { itemId: "a", heardMs: "900" }, { kind: "interruption", itemId: "a" }],
  [
    "transcript",
    { itemId: "u", role: "TRANSCRIPT_ROLE_USER", text: "Hi", final: true },
    { kind: "transcript", itemId: "u", speaker: "user", text: "Hi", final: true },
  ],
  [
    "ended",
    { report: { call: { endReason: "END_REASON_MODEL_LOST", endFault: "END_FAULT_MODEL" } } },
    { kind: "ended", reason: "MODEL_LOST", fault: "MODEL" },
  ],
])("%s is read", (field, body, event) => {
  expect(read({ [field]: body })).toEqual(event);
});

test("a field that is missing has its default value", () => {
  expect(read({ userSpeech: {} })).toEqual({ kind: "userSpeech", speaking: false });
  expect(read({ ended: {} })).toEqual({ kind: "ended", reason: "", fault: "" });
});

test("kinds the page has no use for count, but say nothing", () => {
  expect(eventFrom('{"sequence":"3","telemetry":{}}')).toEqual({ sequence: 3, event: undefined });
  expect(read({ agentStateChanged: { state: "AGENT_STATE_JUGGLING" } })).toBeUndefined();
});

test("what is not an event is passed over", () => {
  expect(eventFrom("<html>")).toBeUndefined();
  expect(eventFrom("null")).toBeUndefined();
});
