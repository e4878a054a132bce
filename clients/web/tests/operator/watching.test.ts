import { expect, test } from "vitest";
import { type CallDetails, detailsFrom } from "../../src/operator/details";
import { type Sample, samplesFrom } from "../../src/operator/samples";
import { type Source, Watching } from "../../src/operator/watching";
import type { ApiError } from "../../src/shared/api";
import type { Told } from "../../src/shared/events";

/** A server that tells what the test says. */
class FakeSource implements Source {
  readonly asked: string[] = [];
  readonly watched = new Map<string, (event: Told) => void>();
  isAway = false;
  #deliver: (samples: ReadonlyMap<string, Sample>) => void = () => {};

  figures(deliver: (samples: ReadonlyMap<string, Sample>) => void) {
    this.#deliver = deliver;
    return { close: () => this.asked.push("no figures") };
  }

  events(connectionId: string, deliver: (event: Told) => void) {
    this.watched.set(connectionId, deliver);
    return { close: () => this.watched.delete(connectionId) };
  }

  async details(connectionId: string): Promise<CallDetails> {
    this.asked.push(connectionId);
    if (this.isAway) throw new Error("away");
    return detailsFrom({ call: { agentId: "greeter", participants: [{ name: "Ada" }] } });
  }

  /** A second passes in which these calls are live, in these states. */
  async second(states: Record<string, string>): Promise<void> {
    const samples = Object.entries(states).map(([connectionId, state]) => ({
      connectionId,
      state: `CALL_STATE_${state}`,
    }));
    this.#deliver(samplesFrom(JSON.stringify({ samples })));
    await Promise.resolve();
    await Promise.resolve();
  }
}

function watching(wanted?: string) {
  const source = new FakeSource();
  const heard: string[] = [];
  const audience = {
    changed: () => {},
    chose: () => heard.push("another"),
    told: ({ name }: Told) => heard.push(name),
    connected: (_: boolean) => {},
    over: (_: ApiError | undefined) => {},
  };
  return { source, heard, watched: new Watching(source, audience, wanted) };
}

const event = (name: string): Told => ({ sequence: 1, offsetMs: 0, name, body: {} });

test("the first call is watched closely, and stays so when others come", async () => {
  const { source, heard, watched } = watching();
  await source.second({ a: "ACTIVE" });
  await source.second({ a: "ACTIVE", b: "ACTIVE" });
  source.watched.get("a")?.(event("warning"));
  expect(watched.chosen?.connectionId).toBe("a");
  expect([...source.watched.keys()]).toEqual(["a"]);
  expect(heard).toEqual(["another", "warning"]);
});

test("a call that is wanted is chosen as soon as it is there", async () => {
  const { source, watched } = watching("b");
  await source.second({ a: "ACTIVE", b: "ACTIVE" });
  expect(watched.chosen?.connectionId).toBe("b");
});

test("of the call that was chosen before nothing more is heard", async () => {
  const { source, heard, watched } = watching();
  await source.second({ a: "ACTIVE", b: "ACTIVE" });
  watched.choose("a");
  watched.choose("a");
  expect([...source.watched.keys()]).toEqual(["a"]);
  expect(heard).toEqual(["another", "another"]);
});

test("a call that is not there is not chosen", async () => {
  const { source, watched } = watching();
  await source.second({ a: "ACTIVE" });
  watched.choose("gone");
  expect(watched.chosen?.connectionId).toBe("a");
});

test("who is in a call is asked once for each state, and once more at its end", async () => {
  const { source, watched } = watching();
  await source.second({ a: "WAITING" });
  await source.second({ a: "ACTIVE" });
  await source.second({ a: "ACTIVE" });
  await source.second({});
  await source.second({});
  expect(source.asked).toEqual(["a", "a", "a"]);
  expect(watched.chosen?.details?.people).toEqual(["Ada"]);
});

test("a question that was not answered is asked again", async () => {
  const { source, watched } = watching();
  source.isAway = true;
  await source.second({ a: "ACTIVE" });
  expect(watched.chosen?.details).toBeUndefined();
  source.isAway = false;
  await source.second({ a: "ACTIVE" });
  expect(watched.chosen?.details?.agentId).toBe("greeter");
});

test("whoever stops gives back every stream", async () => {
  const { source, watched } = watching();
  await source.second({ a: "ACTIVE" });
  watched.stop();
  expect(source.watched.size).toBe(0);
  expect(source.asked).toContain("no figures");
});
