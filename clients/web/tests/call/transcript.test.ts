import { expect, test } from "vitest";
import { after, EMPTY } from "../../src/call/transcript";
import type { CallEvent, Speaker } from "../../src/shared/events";

function said(speaker: Speaker, itemId: string, text: string, final = true): CallEvent {
  return { kind: "transcript", speaker, identity: "", itemId, text, final };
}

const speech: CallEvent = { kind: "userSpeech", speaking: true };

function told(...events: CallEvent[]): string[] {
  return events.reduce(after, EMPTY).lines.map(({ itemId, text }) => `${itemId}: ${text}`);
}

test("a later text of an item replaces the earlier one", () => {
  expect(told(said("agent", "a", "Hel", false), said("agent", "a", "Hello."))).toEqual([
    "a: Hello.",
  ]);
});

test("an item is final once it is said to be", () => {
  const partial = after(EMPTY, said("agent", "a", "Hel", false));
  expect(partial.lines[0]?.final).toBe(false);
  expect(after(partial, said("agent", "a", "Hello.")).lines[0]?.final).toBe(true);
});

test("items of both sides stand in the order in which they began", () => {
  expect(
    told(said("agent", "a", "Hello."), said("user", "u", "Hi."), said("agent", "b", "Well?")),
  ).toEqual(["a: Hello.", "u: Hi.", "b: Well?"]);
});

test("what the person said stands before the answer that overtook its text", () => {
  expect(
    told(
      said("agent", "a", "Hello."),
      speech,
      said("agent", "b", "Yes."),
      said("user", "u", "Ok?"),
    ),
  ).toEqual(["a: Hello.", "u: Ok?", "b: Yes."]);
});

test("one beginning of speech places one item", () => {
  expect(
    told(
      speech,
      said("agent", "a", "Yes."),
      said("user", "u", "Ok?"),
      said("agent", "b", "More."),
      said("user", "v", "No."),
    ),
  ).toEqual(["u: Ok?", "a: Yes.", "b: More.", "v: No."]);
});

test("a noise without words leaves no mark for the next speech", () => {
  expect(told(speech, said("agent", "a", "Hello."), speech, said("user", "u", "Hi."))).toEqual([
    "a: Hello.",
    "u: Hi.",
  ]);
});

test("an empty item is not a line", () => {
  expect(told(said("agent", "a", ""))).toEqual([]);
});

test("an interruption marks its item and keeps its text", () => {
  const events: CallEvent[] = [said("agent", "a", "I wi"), { kind: "interruption", itemId: "a" }];
  const [line] = events.reduce(after, EMPTY).lines;
  expect(line).toMatchObject({ text: "I wi", interrupted: true });
});

test("events without words leave the transcript untouched", () => {
  expect(after(EMPTY, { kind: "agentState", state: "thinking" })).toBe(EMPTY);
});

const answered: CallEvent = { kind: "answered", waitedMs: 620 };
const waits = (...events: CallEvent[]) =>
  events.reduce(after, EMPTY).lines.map(({ itemId, waitedMs }) => [itemId, waitedMs]);

test("an answer's words tell how long its sound was waited for, and no others", () => {
  expect(
    waits(
      said("agent", "greeting", "Hello."),
      said("user", "u", "Hi."),
      answered,
      said("agent", "a", "Ye", false),
      said("agent", "a", "Yes."),
      said("agent", "more", "And more."),
    ),
  ).toEqual([
    ["greeting", undefined],
    ["u", undefined],
    ["a", 620],
    ["more", undefined],
  ]);
});

test("an answer that was cut off before its words leaves no wait behind", () => {
  expect(waits(answered, speech, said("agent", "a", "Yes."))).toEqual([["a", undefined]]);
});
