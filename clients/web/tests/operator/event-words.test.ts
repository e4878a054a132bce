import { expect, test } from "vitest";
import { wordsOf } from "../../src/operator/event-words";

const told = (name: string, body: object = {}) =>
  wordsOf({ sequence: 1, offsetMs: 0, name, body: { ...body } });

test.each([
  ["stateChanged", { state: "CALL_STATE_ACTIVE" }, "Call: active", "plain"],
  [
    "participantChanged",
    { change: "PARTICIPANT_CHANGE_JOINED", participant: { name: "Ada" } },
    "Ada: joined",
    "plain",
  ],
  ["modelStateChanged", { state: "LINK_STATE_LOST" }, "Model: lost", "trouble"],
  [
    "transcript",
    { role: "TRANSCRIPT_ROLE_USER", text: "Hi", final: true },
    "Caller: “Hi”",
    "speech",
  ],
  [
    "toolFinished",
    { name: "find", status: "TOOL_STATUS_TIMED_OUT", code: "timeout", duration: "3s" },
    "Tool: find timed out, timeout, 3.0 s",
    "trouble",
  ],
  ["interruption", { heardMs: 1200 }, "Interruption: 1.2 s of the answer were heard", "plain"],
  [
    "turnMeasured",
    { latency: "0.62s", latencyParts: { endpointing: "0.5s", model: "0.1s", playout: "0.02s" } },
    "Answer: heard after 620 ms: endpointing 500, model 100, playout 20",
    "plain",
  ],
  ["responseFinished", { status: "RESPONSE_STATUS_FAILED" }, "Answer: failed", "trouble"],
  [
    "ended",
    { report: { call: { endReason: "END_REASON_MODEL_LOST", endFault: "END_FAULT_MODEL" } } },
    "Ended: model lost, by model",
    "trouble",
  ],
  [
    "ended",
    { report: { call: { endReason: "END_REASON_API_ENDED", endFault: "END_FAULT_NONE" } } },
    "Ended: api ended",
    "plain",
  ],
  ["somethingNew", {}, "Something new: ", "plain"],
])("%s %j reads as %j", (name, body, line, tone) => {
  const words = told(name, body);
  expect(`${words?.title}: ${words?.detail}`).toBe(line);
  expect(words?.tone).toBe(tone);
});

test("words that are not final yet are not told", () => {
  expect(told("transcript", { text: "Hel" })).toBeUndefined();
});

test("keys that were pressed are not shown", () => {
  expect(JSON.stringify(told("dtmfSent", { digits: "1234" }))).not.toContain("1234");
});
