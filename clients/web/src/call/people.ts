/** Who is in the call, and what are they called? */

import type { CallEvent } from "../shared/events";

export interface People {
  /** By identity; of those who have left, too, since their words stay. */
  readonly names: ReadonlyMap<string, string>;
  readonly present: ReadonlySet<string>;
}

export const NOBODY: People = { names: new Map(), present: new Set() };

/** The people after one event; the same object if the event says nothing about them. */
export function peopleAfter(people: People, event: CallEvent): People {
  if (event.kind !== "participant") return people;
  const present = new Set(people.present);
  if (event.connected) present.add(event.identity);
  else present.delete(event.identity);
  return { names: new Map(people.names).set(event.identity, event.name), present };
}

/** The names of those who are there besides `us`. */
export function others({ names, present }: People, us: string): readonly string[] {
  return [...present].filter((who) => who !== us).map((who) => names.get(who) ?? "");
}
