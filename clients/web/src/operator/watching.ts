/** Which calls are watched, and which one of them closely? */

import type { ApiError } from "../shared/api";
import type { Told } from "../shared/events";
import { afterDetails, afterSamples, type Board, EMPTY, listed, type WatchedCall } from "./board";
import type { CallDetails } from "./details";
import type { Sample } from "./samples";

interface Closable {
  close(): void;
}

/** Where calls are told of: the server. */
export interface Source {
  figures(
    deliver: (samples: ReadonlyMap<string, Sample>) => void,
    use: { connected(is: boolean): void; over(refusal: ApiError | undefined): void },
  ): Closable;
  events(connectionId: string, deliver: (event: Told) => void): Closable;
  details(connectionId: string): Promise<CallDetails>;
}

/** Whom it is told to: the page. */
export interface Audience {
  /** Something of the board, or which call is chosen, is not as it was. */
  changed(): void;
  /** Another call is watched closely: what was told of the last one is of no interest. */
  chose(): void;
  told(event: Told): void;
  connected(is: boolean): void;
  over(refusal: ApiError | undefined): void;
}

/** Watches all calls from its creation until `stop`, or until the source refuses. */
export class Watching {
  readonly #source: Source;
  readonly #audience: Audience;
  readonly #figures: Closable;
  #events: Closable | undefined;
  /** The state in which a call's details were last asked for: they change with it. */
  readonly #askedIn = new Map<string, string>();
  #board = EMPTY;
  #chosen: string | undefined;

  /** `wanted` is chosen as soon as it is seen; until then, and otherwise, the first one listed. */
  constructor(source: Source, audience: Audience, wanted: string | undefined) {
    this.#source = source;
    this.#audience = audience;
    this.#chosen = wanted;
    this.#figures = source.figures((samples) => this.#take(samples), audience);
  }

  get board(): Board {
    return this.#board;
  }

  get chosen(): WatchedCall | undefined {
    return this.#chosen === undefined ? undefined : this.#board.get(this.#chosen);
  }

  /** A call that is not there is not chosen. */
  choose(connectionId: string): void {
    if (!this.#board.has(connectionId)) return;
    if (connectionId === this.#chosen && this.#events !== undefined) return;
    this.#events?.close();
    this.#chosen = connectionId;
    this.#audience.chose();
    this.#events = this.#source.events(connectionId, (told) => this.#audience.told(told));
    this.#audience.changed();
  }

  stop(): void {
    this.#figures.close();
    this.#events?.close();
  }

  #take(samples: ReadonlyMap<string, Sample>): void {
    this.#board = afterSamples(this.#board, samples);
    for (const call of this.#board.values()) this.#askAbout(call);
    for (const connectionId of this.#askedIn.keys()) {
      if (!this.#board.has(connectionId)) this.#askedIn.delete(connectionId);
    }
    const close = this.chosen ?? listed(this.#board)[0];
    if (close !== undefined) this.choose(close.connectionId);
    this.#audience.changed();
  }

  #askAbout({ connectionId, isLive, samples }: WatchedCall): void {
    const state = isLive ? (samples.at(-1)?.state ?? "") : "ENDED";
    if (this.#askedIn.get(connectionId) === state) return;
    this.#askedIn.set(connectionId, state);
    this.#source.details(connectionId).then(
      (details) => {
        this.#board = afterDetails(this.#board, connectionId, details);
        this.#audience.changed();
      },
      // With the next figures it is asked again.
      () => this.#askedIn.delete(connectionId),
    );
  }
}
