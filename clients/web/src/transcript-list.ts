/** How does the transcript appear on the page, and to a screen reader? */

import type { Line, Transcript } from "./transcript";

// A screen reader needs only what is new.
const ANNOUNCEMENTS_KEPT = 5;
// Whoever has scrolled up further than this is reading and is left alone.
const NEAR_BOTTOM_PX = 60;

/** Shows lines in a list and hands each whole one to an announcer that is a live region. */
export class TranscriptList {
  readonly #list: HTMLElement;
  readonly #empty: HTMLElement;
  readonly #announcer: HTMLElement;
  readonly #items = new Map<string, HTMLElement>();
  readonly #announced = new Set<string>();
  #shown: Transcript | undefined;

  constructor(list: HTMLElement, empty: HTMLElement, announcer: HTMLElement) {
    this.#list = list;
    this.#empty = empty;
    this.#announcer = announcer;
  }

  show(transcript: Transcript, agentName: string): void {
    if (transcript === this.#shown) return;
    this.#shown = transcript;
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const follows = scrollHeight - scrollTop - clientHeight < NEAR_BOTTOM_PX;

    if (transcript.lines.length === 0) this.#clear();
    transcript.lines.forEach((line, index) => {
      const item = this.#itemFor(line, agentName);
      if (this.#list.children[index] !== item) {
        this.#list.insertBefore(item, this.#list.children[index] ?? null);
      }
      this.#fill(item, line);
      if (line.final) this.#announce(line, agentName);
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

  #itemFor(line: Line, agentName: string): HTMLElement {
    const known = this.#items.get(line.itemId);
    if (known) return known;
    const item = document.createElement("li");
    item.className = line.speaker;
    const who = child(item, "span", "who");
    who.textContent = speakerName(line, agentName);
    child(item, "p", "said");
    child(item, "span", "note");
    this.#items.set(line.itemId, item);
    return item;
  }

  #fill(item: HTMLElement, line: Line): void {
    const [, said, note] = item.children;
    if (said && said.textContent !== line.text) said.textContent = line.text;
    if (note) note.textContent = line.interrupted ? "interrupted" : "";
    item.classList.toggle("partial", !line.final && !line.interrupted);
  }

  #announce(line: Line, agentName: string): void {
    if (this.#announced.has(line.itemId)) return;
    this.#announced.add(line.itemId);
    child(this.#announcer, "p", "").textContent = `${speakerName(line, agentName)}: ${line.text}`;
    while (this.#announcer.children.length > ANNOUNCEMENTS_KEPT) {
      this.#announcer.firstElementChild?.remove();
    }
  }
}

function speakerName(line: Line, agentName: string): string {
  return line.speaker === "user" ? "You" : agentName;
}

function child(parent: HTMLElement, tag: string, className: string): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}
