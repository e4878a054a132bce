/** How are all calls listed, and one of them chosen? */

import { child, element, write } from "../shared/dom";
import { type Board, listed, type WatchedCall } from "./board";
import { conditionOf, lengthOf, titleOf } from "./call-words";
import { LEVELS, levelsOf } from "./figures";
import { Spark } from "./plot";

export class CallsList {
  readonly #list = element("list", HTMLElement);
  readonly #empty = element("no-calls", HTMLElement);
  readonly #rows = new Map<string, Row>();
  readonly #choose: (connectionId: string) => void;

  constructor(choose: (connectionId: string) => void) {
    this.#choose = choose;
  }

  show(board: Board, chosen: string | undefined): void {
    for (const [connectionId, row] of this.#rows) {
      if (board.has(connectionId)) continue;
      row.item.remove();
      this.#rows.delete(connectionId);
    }
    listed(board).forEach((call, index) => {
      const { connectionId } = call;
      const row = this.#rows.get(connectionId) ?? new Row(() => this.#choose(connectionId));
      this.#rows.set(connectionId, row);
      if (this.#list.children[index] !== row.item) {
        this.#list.insertBefore(row.item, this.#list.children[index] ?? null);
      }
      row.show(call, connectionId === chosen);
    });
    this.#empty.hidden = board.size > 0;
  }
}

class Row {
  readonly item = document.createElement("li");
  readonly #button = child(this.item, "button");
  readonly #title = child(this.#button, "span", "row-title");
  readonly #length = child(this.#button, "span", "row-length");
  readonly #condition = child(this.#button, "span", "row-condition");
  readonly #spark = new Spark(this.#button, LEVELS);

  constructor(pressed: () => void) {
    this.#button.type = "button";
    this.#button.addEventListener("click", pressed);
  }

  show(call: WatchedCall, isChosen: boolean): void {
    write(this.#title, titleOf(call));
    write(this.#length, lengthOf(call));
    write(this.#condition, conditionOf(call));
    this.#spark.show(levelsOf(call.samples));
    this.item.classList.toggle("is-over", !call.isLive);
    if (isChosen) this.#button.setAttribute("aria-current", "true");
    else this.#button.removeAttribute("aria-current");
  }
}
