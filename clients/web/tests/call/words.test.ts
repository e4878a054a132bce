import { expect, test } from "vitest";
import type { Call } from "../../src/call/call";
import { company, doing, languageName, lasted } from "../../src/call/words";

const connected = { state: "connected", isAgentReconnecting: false, isAgentHere: true } as Call;

test.each<[string, Partial<Call>]>([
  ["Allow the microphone when your browser asks", { state: "asking" }],
  ["Connecting…", { state: "connecting" }],
  ["Your connection is unsteady, reconnecting…", { state: "reconnecting", isOffline: false }],
  ["You are offline; the call waits for your network…", { state: "reconnecting", isOffline: true }],
  ["Waiting for the agent…", { isAgentHere: false }],
  ["On the line", {}],
  ["Thinking", { agentState: "thinking" }],
  ["The agent is reconnecting…", { agentState: "speaking", isAgentReconnecting: true }],
  ["", { state: "ended" }],
])("%j is said when it is so", (words, change) => {
  expect(doing({ ...connected, ...change } as Call)).toBe(words);
});

test("company is named", () => {
  expect([[], ["Bob"], ["Bob", "Eve"]].map(company)).toEqual([
    "",
    "Bob is here, too",
    "Bob and Eve are here, too",
  ]);
});

test("a language has a name, and one that nobody knows keeps its tag", () => {
  expect(["es-MX", "no_tag"].map(languageName)).toEqual(["Mexican Spanish", "no_tag"]);
});

test("a call that is over has its length in words", () => {
  expect([400, 61_000, 120_000].map(lasted)).toEqual([
    "The call lasted 1 second.",
    "The call lasted 1 minute 1 second.",
    "The call lasted 2 minutes.",
  ]);
});
