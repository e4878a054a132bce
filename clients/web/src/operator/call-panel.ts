/** What does an operator see of one call, and what can they do about it? */

import { child, element, write } from "../shared/dom";
import type { Told } from "../shared/events";
import type { WatchedCall } from "./board";
import { conditionOf, lengthOf, titleOf } from "./call-words";
import { wordsOf } from "./event-words";
import { losses, PLOTS } from "./figures";
import { Plot } from "./plot";

// Of a long call, the newest ones.
const EVENTS_KEPT = 300;
// Whoever has scrolled up further than this is reading and is left alone.
const NEAR_BOTTOM_PX = 60;

export class CallPanel {
  readonly #panel = element("call", HTMLElement);
  readonly #title = element("call-title", HTMLElement);
  readonly #facts = element("call-facts", HTMLElement);
  readonly #id = element("call-id", HTMLElement);
  readonly #end = element("end", HTMLButtonElement);
  readonly #confirm = element("confirm", HTMLDialogElement);
  readonly #events = element("events", HTMLElement);
  readonly #figures = new Map<string, HTMLElement>();
  readonly #plots: readonly Plot[];

  /** `end` is called once somebody has pressed the button and meant it. */
  constructor(end: () => void) {
    const plots = element("plots", HTMLElement);
    this.#plots = PLOTS.map(({ kind, names }) => new Plot(plots, kind, names));
    this.#end.addEventListener("click", () => {
      this.#confirm.returnValue = "";
      this.#confirm.showModal();
    });
    this.#confirm.addEventListener("close", () => {
      if (this.#confirm.returnValue === "end") end();
    });
  }

  show(call: WatchedCall | undefined): void {
    this.#panel.hidden = call === undefined;
    if (call === undefined) return;
    const { details, samples } = call;
    write(this.#title, titleOf(call));
    const facts = [conditionOf(call), lengthOf(call), details?.language, details?.model];
    write(this.#facts, [...facts, details?.tenantId].filter(Boolean).join(" · "));
    write(this.#id, call.connectionId);
    this.#end.hidden = !call.isLive;
    if (!call.isLive && this.#confirm.open) this.#confirm.close();
    for (const [name, value] of losses(call.totals)) write(this.#figure(name), value);
    this.#plots.forEach((plot, index) => {
      plot.show(PLOTS[index]?.series(samples) ?? []);
    });
  }

  /** Another call is shown from now on. */
  clear(): void {
    this.#events.replaceChildren();
  }

  focus(): void {
    this.#title.focus();
  }

  tell(told: Told): void {
    const words = wordsOf(told);
    if (words === undefined) return;
    const { scrollHeight, scrollTop, clientHeight } = this.#events;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;
    const item = child(this.#events, "li", words.tone);
    child(item, "span", "at", `${(told.offsetMs / 1000).toFixed(1)} s`);
    child(item, "b", "", words.title);
    child(item, "span", "", words.detail);
    if (this.#events.children.length > EVENTS_KEPT) this.#events.firstElementChild?.remove();
    if (follows) this.#events.scrollTop = this.#events.scrollHeight;
  }

  #figure(name: string): HTMLElement {
    const known = this.#figures.get(name);
    if (known) return known;
    const pair = child(element("figures", HTMLElement), "div");
    child(pair, "dt", "", name);
    const value = child(pair, "dd");
    this.#figures.set(name, value);
    return value;
  }
}
