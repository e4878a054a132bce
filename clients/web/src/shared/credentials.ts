/** Who is asking? A key that the person enters, where the server wants one, and no page keeps. */

import { ApiError } from "./api";
import { element } from "./dom";

export class Credentials {
  readonly #section = element("credentials", HTMLElement);
  readonly #field = element("key", HTMLInputElement);
  #key = "";

  /** `given` is called when a key has been entered. */
  constructor(given: () => void) {
    element("credentials-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#section.hidden = true;
      this.#key = this.#field.value.trim();
      given();
    });
  }

  /** Empty until one is given. */
  get key(): string {
    return this.#key;
  }

  get areAskedFor(): boolean {
    return !this.#section.hidden;
  }

  /**
   * Asks for a key where another one could change the answer. Says whether the person need not be
   * told of the refusal: without a key there was nothing to refuse yet.
   */
  askAfter(failure: unknown): boolean {
    if (!(failure instanceof ApiError) || ![401, 403].includes(failure.status)) return false;
    this.#section.hidden = false;
    this.#field.focus();
    return failure.status === 401 && this.#key === "";
  }
}
