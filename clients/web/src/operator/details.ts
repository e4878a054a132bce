/** Who is in a call, and how did it end? */

import { bare, fields, list, text, timeMs } from "../shared/protojson";

export interface CallDetails {
  readonly agentId: string;
  readonly tenantId: string;
  readonly language: string;
  readonly model: string;
  readonly createdAtMs: number | undefined;
  readonly endedAtMs: number | undefined;
  /** Names of the people who were ever in it. */
  readonly people: readonly string[];
  /** Empty while it is live. */
  readonly endReason: string;
  readonly endFault: string;
}

/** Reads the answer of connection-status. */
export function detailsFrom(answer: unknown): CallDetails {
  const call = fields(fields(answer)["call"]);
  return {
    agentId: text(call["agentId"]),
    tenantId: text(call["tenantId"]),
    language: text(call["voiceLanguage"]),
    model: text(call["model"]),
    createdAtMs: timeMs(call["createTime"]),
    endedAtMs: timeMs(call["endTime"]),
    people: list(call["participants"]).map((one) => text(one["name"]) || text(one["identity"])),
    endReason: bare(call["endReason"], "END_REASON_"),
    endFault: bare(call["endFault"], "END_FAULT_"),
  };
}
