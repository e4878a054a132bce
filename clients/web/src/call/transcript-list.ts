/** How does the transcript appear on the page, and to a screen reader? */

import { child, write } from "../shared/dom";
import type { Line, Transcript } from "./transcript";

/** Who said a line, as the page calls them. */
export interface Voice {
  readonly side: "agent" | "you" | "other";
  readonly name: string;
}

// A screen reader needs only what is new.
const ANNOUNCEMENTS_KEPT = 5;
// Whoever has scrolled up further than this is reading and is left alone.
const NEAR_BOTTOM_PX = 60;

/** Shows lines in a list and hands each whole one to an announcer that is a live region. */
export class TranscriptList {
  readonly #list: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #announcer: HTMLElement;
  readonly #items = new Map<string, Item>();
  readonly #announced = new Set<string>();
  #shown: Transcript | undefined;

  constructor(list: HTMLElement, empty: HTMLElement, announcer: HTMLElement) {
    this.#list = list;
    this.#empty = empty;
    this.#announcer = announcer;
  }

  show(transcript: Transcript, voiceOf: (line: Line) => Voice): void {
    if (transcript === this.#shown) return;
    this.#shown = transcript;
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;

    if (transcript.lines.length === 0) this.#clear();
    transcript.lines.forEach((line, index) => {
      const item = this.#items.get(line.itemId) ?? new Item();
      this.#items.set(line.itemId, item);
      if (this.#list.children[index] !== item.element) {
        this.#list.insertBefore(item.element, this.#list.children[index] ?? null);
      }
      const voice = voiceOf(line);
      item.show(line, voice);
      if (line.final) this.#announce(line, voice);
    });
    this.#empty.hidden = transcript.lines.length > 0;
    this.#list.hidden = transcript.lines.length === 0;
    if (follows) this.#list.scrollTop = this.#list.scrollHeight;
  }

  #clear(): void {
    this.#items.clear();
    this.#announced.clear();
    this.#list.replaceChildren();
    this.#announcer.replaceChildren();
  }

  #announce(line: Line, voice: Voice): void {
    if (this.#announced.has(line.itemId)) return;
    this.#announced.add(line.itemId);
    child(this.#announcer, "p", "", `${voice.name}: ${line.text}`);
    while (this.#announcer.children.length > ANNOUNCEMENTS_KEPT) {
      this.#announcer.firstElementChild?.remove();
    }
  }
}

class Item {
  readonly element = document.createElement("li");
  readonly #who = child(this.element, "span", "who");
  readonly #said = child(this.element, "p", "said");
  readonly #note = child(this.element, "span", "note");

  show(line: Line, voice: Voice): void {
    this.element.className = voice.side;
    this.element.classList.toggle("partial", !line.final && !line.interrupted);
    write(this.#who, voice.name);
    write(this.#said, line.text);
    write(this.#note, noteOn(line));
  }
}

/** What stands small under a line. */
function noteOn({ waitedMs, interrupted }: Line): string {
  return [
    ...(waitedMs === undefined ? [] : [`answered after ${(waitedMs / 1000).toFixed(1)} s`]),
    ...(interrupted ? ["interrupted"] : []),
  ].join(", ");
}
