import { expect, test } from "vitest";
import type { Call } from "../src/call";
import { doing, duration, lasted } from "../src/view";

const connected = { state: "connected", isAgentReconnecting: false, isAgentHere: true } as Call;

test.each<[string, Partial<Call>]>([
  ["Allow the microphone when your browser asks", { state: "asking" }],
  ["Connecting…", { state: "connecting" }],
  ["Your connection is unsteady, reconnecting…", { state: "reconnecting" }],
  ["Waiting for the agent…", { isAgentHere: false }],
  ["On the line", {}],
  ["Thinking", { agentState: "thinking" }],
  ["The agent is reconnecting…", { agentState: "speaking", isAgentReconnecting: true }],
  ["", { state: "ended" }],
])("%j is said when it is so", (words, change) => {
  expect(doing({ ...connected, ...change } as Call)).toBe(words);
});

test("a running call shows its length as telephones do", () => {
  expect([0, 9_999, 61_000, 3_600_000].map(duration)).toEqual(["0:00", "0:09", "1:01", "60:00"]);
});

test("a call that is over has its length in words", () => {
  expect([400, 61_000, 120_000].map(lasted)).toEqual([
    "The call lasted 1 second.",
    "The call lasted 1 minute 1 second.",
    "The call lasted 2 minutes.",
  ]);
});
