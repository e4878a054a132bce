import { expect, test } from "vitest";
import { samplesFrom } from "../../src/operator/samples";

test("each call's figures are read, those that are not known yet as unknown", () => {
  const samples = samplesFrom(
    JSON.stringify({
      samples: [
        {
          connectionId: "a",
          time: "1970-01-01T00:00:05Z",
          state: "CALL_STATE_ACTIVE",
          agentState: "AGENT_STATE_SPEAKING",
          uplink: { levelDbfs: -20.5, queueMs: 40, droppedMs: 10 },
          downlink: { levelDbfs: -127, droppedMs: 5, underruns: 2 },
          network: { packetsIn: "50", packetsOut: "49", packetsLostOut: "1", jitterMs: 0 },
          model: { turnLatencyMs: 640 },
        },
        { connectionId: "b" },
      ],
    }),
  );
  expect([...samples.keys()]).toEqual(["a", "b"]);
  expect(samples.get("a")).toEqual({
    atMs: 5000,
    state: "ACTIVE",
    agentState: "SPEAKING",
    callerDbfs: -20.5,
    agentDbfs: -127,
    toModelMs: 40,
    toCallersMs: 0,
    roundTripMs: undefined,
    modelRoundTripMs: undefined,
    jitterMs: 0,
    turnLatencyMs: 640,
    packets: 99,
    packetsLost: 1,
    droppedMs: 15,
    underruns: 2,
  });
});

test.each(["{}", "<html>", "null"])("%s tells of no call", (json) => {
  expect(samplesFrom(json).size).toBe(0);
});
