import { expect, test } from "vitest";
import { afterDetails, afterSamples, EMPTY } from "../../src/operator/board";
import { conditionOf, lengthOf, titleOf } from "../../src/operator/call-words";
import { detailsFrom } from "../../src/operator/details";
import { samplesFrom } from "../../src/operator/samples";

const SAMPLE = {
  connectionId: "a",
  time: "1970-01-01T00:01:05Z",
  state: "CALL_STATE_ACTIVE",
  agentState: "AGENT_STATE_SPEAKING",
};

function seen(sample: object, call?: object) {
  const samples = samplesFrom(JSON.stringify({ samples: [{ ...SAMPLE, ...sample }] }));
  const board = afterSamples(EMPTY, samples);
  const known = call ? afterDetails(board, "a", detailsFrom({ call })) : board;
  const one = known.get("a");
  if (one === undefined) throw new Error("there is no such call");
  return one;
}

test("a call is called after who is in it", () => {
  expect(titleOf(seen({}))).toBe("A call");
  expect(titleOf(seen({}, { agentId: "greeter" }))).toBe("Nobody yet with greeter");
  const people = [{ name: "Ada" }, { identity: "phone-1" }];
  expect(titleOf(seen({}, { agentId: "greeter", participants: people }))).toBe(
    "Ada, phone-1 with greeter",
  );
});

test("what goes on is the agent's doing, once somebody is there", () => {
  expect(conditionOf(seen({}))).toBe("speaking");
  expect(conditionOf(seen({ state: "CALL_STATE_WAITING" }))).toBe("waiting");
  const over = seen({}, { endReason: "END_REASON_MODEL_LOST" });
  expect(conditionOf({ ...over, isLive: false })).toBe("ended: model lost");
});

test("its length is told by the server's clock, up to its end", () => {
  expect(lengthOf(seen({}))).toBe("");
  expect(lengthOf(seen({}, { createTime: "1970-01-01T00:00:00Z" }))).toBe("1:05");
  const times = { createTime: "1970-01-01T00:00:00Z", endTime: "1970-01-01T00:00:09Z" };
  expect(lengthOf(seen({}, times))).toBe("0:09");
});
