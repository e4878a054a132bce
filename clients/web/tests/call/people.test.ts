import { expect, test } from "vitest";
import { NOBODY, others, peopleAfter } from "../../src/call/people";
import type { CallEvent } from "../../src/shared/events";

const seen = (identity: string, name: string, connected: boolean): CallEvent => ({
  kind: "participant",
  identity,
  name,
  connected,
});

test("the others are those who are there now, and not us", () => {
  const came = [seen("a", "Ada", true), seen("b", "Bob", true), seen("e", "Eve", true)];
  const people = [...came, seen("e", "Eve", false)].reduce(peopleAfter, NOBODY);
  expect(others(people, "a")).toEqual(["Bob"]);
});

test("who has left keeps a name", () => {
  const people = [seen("b", "Bob", true), seen("b", "Bob", false)].reduce(peopleAfter, NOBODY);
  expect(people.names.get("b")).toBe("Bob");
});

test("other events change nobody", () => {
  expect(peopleAfter(NOBODY, { kind: "agentState", state: "thinking" })).toBe(NOBODY);
});
