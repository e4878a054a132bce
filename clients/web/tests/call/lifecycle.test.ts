import { expect, test } from "vitest";
import { type CallState, canMove, isUnderWay, NEXT } from "../../src/call/lifecycle";

const STATES = Object.keys(NEXT) as CallState[];

test.each<[CallState, CallState[]]>([
  ["idle", ["asking", "ended"]],
  ["asking", ["connecting", "ended"]],
  ["connecting", ["connected", "ended"]],
  ["connected", ["reconnecting", "ended"]],
  ["reconnecting", ["connected", "ended"]],
  ["ended", []],
])("from %s a call goes only to %j", (from, allowed) => {
  expect(STATES.filter((to) => canMove(from, to))).toEqual(
    STATES.filter((to) => allowed.includes(to)),
  );
});

test("a call can end from wherever it is", () => {
  const open = STATES.filter((state) => state !== "ended");
  expect(open.every((state) => canMove(state, "ended"))).toBe(true);
});

test("there is something to hang up from the first question to the last word", () => {
  expect(STATES.filter(isUnderWay)).toEqual(["asking", "connecting", "connected", "reconnecting"]);
});
