/** How is the person told what went wrong, or how something ended? */

import { element } from "./dom";

export interface Notice {
  readonly title: string;
  /** What the person can do about it. */
  readonly advice: string;
  /** Something went wrong, as opposed to something that is over. */
  readonly isProblem: boolean;
  /** The machine's word for it, to be quoted to whoever runs the server. */
  readonly code: string;
}

export class NoticeBox {
  readonly #box = element("notice", HTMLElement);
  readonly #title = element("notice-title", HTMLElement);
  readonly #advice = element("notice-advice", HTMLElement);
  readonly #code = element("notice-code", HTMLElement);

  show(notice: Notice | undefined): void {
    this.#box.hidden = notice === undefined;
    if (notice === undefined) return;
    this.#box.classList.toggle("calm", !notice.isProblem);
    this.#title.textContent = notice.title;
    this.#advice.textContent = notice.advice;
    this.#code.textContent = notice.isProblem ? notice.code : "";
  }
}
