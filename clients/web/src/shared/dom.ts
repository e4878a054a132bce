/** How are the page's elements found, made and written to? */

/** The element of that id; that there is none is a mistake of ours. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}`);
  return found;
}

export function child<K extends keyof HTMLElementTagNameMap>(
  parent: HTMLElement,
  tag: K,
  className = "",
  words = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  if (words !== "") made.textContent = words;
  parent.append(made);
  return made;
}

/** Leaves the page alone if nothing changed, so that a live region does not speak again. */
export function write(target: Element, words: string): void {
  if (target.textContent !== words) target.textContent = words;
}
