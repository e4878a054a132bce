/** What do a call's figures say at one moment, as the server streams them? */

import {
  bare,
  type Fields,
  fields,
  list,
  number,
  optionalNumber,
  text,
  timeMs,
} from "../shared/protojson";

export interface Sample {
  readonly atMs: number;
  readonly state: string;
  readonly agentState: string;
  readonly callerDbfs: number;
  readonly agentDbfs: number;
  /** Waiting to be sent to the model, and to be played to the callers. */
  readonly toModelMs: number;
  readonly toCallersMs: number;
  /** Undefined: not known yet. */
  readonly roundTripMs: number | undefined;
  readonly modelRoundTripMs: number | undefined;
  readonly jitterMs: number | undefined;
  /** Of the newest turn. */
  readonly turnLatencyMs: number | undefined;
  /** What went wrong in the interval. */
  readonly packets: number;
  readonly packetsLost: number;
  readonly droppedMs: number;
  readonly underruns: number;
}

/** The samples of one message of the stream, by the calls' IDs. */
export function samplesFrom(json: string): ReadonlyMap<string, Sample> {
  let message: unknown;
  try {
    message = JSON.parse(json);
  } catch {
    return new Map();
  }
  return new Map(
    list(fields(message)["samples"]).map((one) => [text(one["connectionId"]), sampleFrom(one)]),
  );
}

function sampleFrom(one: Fields): Sample {
  const up = fields(one["uplink"]);
  const down = fields(one["downlink"]);
  const network = fields(one["network"]);
  const model = fields(one["model"]);
  return {
    atMs: timeMs(one["time"]) ?? Date.now(),
    state: bare(one["state"], "CALL_STATE_"),
    agentState: bare(one["agentState"], "AGENT_STATE_"),
    callerDbfs: number(up["levelDbfs"]),
    agentDbfs: number(down["levelDbfs"]),
    toModelMs: number(up["queueMs"]),
    toCallersMs: number(down["queueMs"]),
    roundTripMs: optionalNumber(network["roundTripMs"]),
    modelRoundTripMs: optionalNumber(model["roundTripMs"]),
    jitterMs: optionalNumber(network["jitterMs"]),
    turnLatencyMs: optionalNumber(model["turnLatencyMs"]),
    packets: number(network["packetsIn"]) + number(network["packetsOut"]),
    packetsLost: number(network["packetsLostIn"]) + number(network["packetsLostOut"]),
    droppedMs: number(up["droppedMs"]) + number(down["droppedMs"]),
    underruns: number(down["underruns"]),
  };
}
