/** What does an operator ask of the server? */

import { ask, endCall } from "../shared/api";
import { type Told, watchEvents } from "../shared/events";
import { fields, number } from "../shared/protojson";
import { openStream, type StreamUse } from "../shared/stream";
import { type CallDetails, detailsFrom } from "./details";
import { type Sample, samplesFrom } from "./samples";
import type { Source } from "./watching";

export interface Capacity {
  readonly live: number;
  readonly slots: number;
  readonly isDraining: boolean;
}

/** The server, asked with one key; an empty one is none. */
export class Server implements Source {
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  figures(
    deliver: (samples: ReadonlyMap<string, Sample>) => void,
    use: Omit<StreamUse, "deliver">,
  ): { close(): void } {
    return openStream("/livekit/telemetry?interval=1s", {
      ...use,
      key: this.#key,
      deliver: ({ data }) => deliver(samplesFrom(data)),
    });
  }

  events(connectionId: string, deliver: (event: Told) => void): { close(): void } {
    return watchEvents(connectionId, deliver, { key: this.#key });
  }

  async details(connectionId: string): Promise<CallDetails> {
    const path = `/livekit/connection-status/${encodeURIComponent(connectionId)}`;
    return detailsFrom(await ask("GET", path, undefined, this.#key));
  }

  async capacity(): Promise<Capacity> {
    const stats = fields(await ask("GET", "/livekit/stats", undefined, this.#key));
    return {
      live: number(stats["activeConnections"]),
      slots: number(stats["slotsTotal"]),
      isDraining: stats["draining"] === true,
    };
  }

  async end(connectionId: string): Promise<void> {
    await endCall(connectionId, this.#key);
  }
}
