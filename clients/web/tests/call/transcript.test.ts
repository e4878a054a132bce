import { expect, test } from "vitest";
import { after, EMPTY, waitedMs } from "../../src/call/transcript";
import type { CallEvent, Speaker } from "../../src/shared/events";

function said(speaker: Speaker, itemId: string, text: string, final = true): CallEvent {
  const unknown = { startMs: undefined, endMs: undefined };
  return { kind: "transcript", speaker, identity: "", itemId, text, final, ...unknown };
}

function timed(speaker: Speaker, itemId: string, startMs?: number, endMs?: number): CallEvent {
  return { ...said(speaker, itemId, "…"), startMs, endMs } as CallEvent;
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

test.each<[string, CallEvent[], number | undefined]>([
  ["from the end of the words", [timed("user", "u", 1000, 2000), timed("agent", "a", 2600)], 600],
  ["not for the greeting", [timed("agent", "a", 100), timed("agent", "b", 2600)], undefined],
  ["not until the end is known", [timed("user", "u", 1000), timed("agent", "a", 2600)], undefined],
  ["not by who spoke already", [timed("user", "u", 1, 2000), timed("agent", "a", 900)], undefined],
])("an answer was waited for %s", (_, events, waited) => {
  expect(waitedMs(events.reduce(after, EMPTY).lines, 1)).toBe(waited);
});
