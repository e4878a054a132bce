import { afterEach, expect, test, vi } from "vitest";
import { type CallEvent, eventFrom, toldFrom, watchEvents } from "../../src/shared/events";

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function read(body: object): CallEvent | undefined {
  const told = toldFrom(JSON.stringify({ sequence: "12", callOffset: "1.5s", ...body }));
  return told && eventFrom(told);
}

test("an event is told with its number, which comes as text, its time and its kind", () => {
  expect(
    toldFrom('{"sequence":"12","callOffset":"1.5s","stateChanged":{"state":"CALL_STATE_ACTIVE"}}'),
  ).toEqual({
    sequence: 12,
    offsetMs: 1500,
    name: "stateChanged",
    body: { state: "CALL_STATE_ACTIVE" },
  });
});

test.each([
  ["stateChanged", { state: "CALL_STATE_ACTIVE" }, { kind: "callState", state: "ACTIVE" }],
  [
    "agentStateChanged",
    { state: "AGENT_STATE_SPEAKING" },
    { kind: "agentState", state: "speaking" },
  ],
  ["userSpeech", { speaking: true }, { kind: "userSpeech", speaking: true }],
  [
    "participantChanged",
    { change: "JOINED", participant: { identity: "p", name: "Ada", connected: true } },
    { kind: "participant", identity: "p", name: "Ada", connected: true },
  ],
  ["turnMeasured", { turn: 1, latency: "0.62s" }, { kind: "answered", waitedMs: 620 }],
  ["interruption", { itemId: "a", heardMs: "900" }, { kind: "interruption", itemId: "a" }],
  [
    "transcript",
    {
      itemId: "u",
      role: "TRANSCRIPT_ROLE_USER",
      participantIdentity: "p",
      text: "Hi",
      final: true,
    },
    {
      kind: "transcript",
      itemId: "u",
      speaker: "user",
      identity: "p",
      text: "Hi",
      final: true,
    },
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

test("kinds that change nothing in a call are told, but are no event of it", () => {
  expect(toldFrom('{"sequence":"3","warning":{}}')).toMatchObject({ sequence: 3, name: "warning" });
  expect(read({ warning: {} })).toBeUndefined();
  expect(read({ agentStateChanged: { state: "AGENT_STATE_JUGGLING" } })).toBeUndefined();
});

test("what is not an event is passed over", () => {
  expect(toldFrom("<html>")).toBeUndefined();
  expect(toldFrom("null")).toBeUndefined();
});

test("a server that begins anew tells nothing twice", async () => {
  vi.useFakeTimers();
  vi.stubGlobal("window", new EventTarget());
  const sent = (...sequences: number[]) =>
    sequences.map((sequence) => `data: {"sequence":"${sequence}","warning":{}}\n\n`).join("");
  const bodies = [sent(1, 2), sent(1, 2, 3)];
  vi.stubGlobal("fetch", async () => new Response(bodies.shift() ?? sent()));
  const told: number[] = [];
  const watch = watchEvents("call-1", ({ sequence }) => told.push(sequence));
  await vi.advanceTimersByTimeAsync(3_000);
  watch.close();
  expect(told).toEqual([1, 2, 3]);
});
