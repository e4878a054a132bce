import { expect, test } from "vitest";
import {
  afterDetails,
  afterSamples,
  type Board,
  EMPTY,
  ENDED_KEPT,
  listed,
  SAMPLES_KEPT,
} from "../../src/operator/board";
import { detailsFrom } from "../../src/operator/details";
import { type Sample, samplesFrom } from "../../src/operator/samples";

/** A second in which these calls were live, each having lost a packet. */
function second(...calls: string[]): ReadonlyMap<string, Sample> {
  const samples = calls.map((connectionId) => ({ connectionId, network: { packetsLostIn: "1" } }));
  return samplesFrom(JSON.stringify({ samples }));
}

const live = (board: Board) => [...board.values()].filter((one) => one.isLive);

test("calls come with their first figures, and are over with their last", () => {
  const both = afterSamples(EMPTY, second("a", "b"));
  expect(live(both).map(({ connectionId }) => connectionId)).toEqual(["a", "b"]);
  const one = afterSamples(both, second("b"));
  expect(live(one).map(({ connectionId }) => connectionId)).toEqual(["b"]);
  expect(one.get("a")?.samples).toHaveLength(1);
});

test("a call that was missed for a second is live again", () => {
  const board = [second("a"), second(), second("a")].reduce(afterSamples, EMPTY);
  expect(board.get("a")).toMatchObject({ isLive: true });
  expect(board.get("a")?.samples).toHaveLength(2);
});

test("only the newest samples are kept, but totals are of all", () => {
  let board = EMPTY;
  for (let i = 0; i < SAMPLES_KEPT + 5; i++) board = afterSamples(board, second("a"));
  expect(board.get("a")?.samples).toHaveLength(SAMPLES_KEPT);
  expect(board.get("a")?.totals.packetsLost).toBe(SAMPLES_KEPT + 5);
});

test("of calls that are over, those seen first are forgotten first", () => {
  const names = Array.from({ length: ENDED_KEPT + 1 }, (_, index) => `call-${index}`);
  const board = [...names.map((name) => second(name)), second("new")].reduce(afterSamples, EMPTY);
  expect([...board.keys()]).toEqual([...names.slice(1), "new"]);
});

test("details belong to their call, and to none that is forgotten", () => {
  const details = detailsFrom({ call: { agentId: "greeter", participants: [{ name: "Ada" }] } });
  const board = afterDetails(afterSamples(EMPTY, second("a")), "a", details);
  expect(board.get("a")?.details).toMatchObject({ agentId: "greeter", people: ["Ada"] });
  expect(afterDetails(EMPTY, "a", details)).toBe(EMPTY);
});

test("live calls are listed first, and the newest first among them", () => {
  const board = [second("over"), second("old"), second("old", "new")].reduce(afterSamples, EMPTY);
  expect(listed(board).map(({ connectionId }) => connectionId)).toEqual(["new", "old", "over"]);
});
