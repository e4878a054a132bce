import { expect, test } from "vitest";
import proto from "../../../../proto/bridge/v1/call.proto?raw";
import {
  endingFromDisconnect,
  endingFromError,
  endingFromReport,
  INSECURE,
} from "../../src/call/endings";
import { ApiError, UnexpectedAnswer, Unreachable } from "../../src/shared/api";

test.each([
  ["PARTICIPANT_LEFT", "NONE", "You left the call", false],
  ["MAX_DURATION", "NONE", "The call reached its time limit", false],
  ["MODEL_AUTH", "MODEL", "The voice model refused the server's key", true],
  ["PARTICIPANT_LOST", "CALLER", "Your connection was lost", true],
  ["A_NEW_REASON", "NONE", "The call ended", false],
  ["A_NEW_REASON", "SERVER", "The call was cut off", true],
  ["", "", "The call ended", false],
])("the server's %s with fault %s reads as %j", (reason, fault, title, isProblem) => {
  expect(endingFromReport(reason, fault)).toMatchObject({ title, isProblem });
});

test.each([
  ["ROOM_DELETED", "The call was closed by the server"],
  ["SERVER_SHUTDOWN", "The server is being restarted"],
  ["SIGNAL_CLOSE", "Your connection was lost"],
  ["CLIENT_INITIATED", "You left the call"],
  ["UNKNOWN_REASON", "The connection was lost"],
])("LiveKit's %s reads as %j", (name, title) => {
  expect(endingFromDisconnect(name).title).toBe(title);
});

test.each([
  ["NotAllowedError", "The microphone is blocked"],
  ["NotFoundError", "No microphone was found"],
  ["NotReadableError", "The microphone is in use"],
  ["SecurityError", INSECURE.title],
])("a microphone's %s reads as %j", (name, title) => {
  expect(endingFromError(new DOMException("", name)).title).toBe(title);
});

test("the server's own words are shown, as a sentence", () => {
  const ending = endingFromError(new ApiError(429, "8", "CALL_LIMIT", "all slots are in use"));
  expect(ending).toMatchObject({ title: "All slots are in use", code: "CALL_LIMIT" });
});

test.each([
  [new Unreachable(""), "The server cannot be reached"],
  [new UnexpectedAnswer(""), "The server's answer makes no sense"],
  [Object.assign(new Error(), { name: "ConnectionError" }), "The call could not be connected"],
  [
    Object.assign(new Error(), { name: "ConnectionError", status: 401 }),
    "LiveKit refused the call's token",
  ],
  [new Error("what?"), "The call could not be started"],
  ["not even an error", "The call could not be started"],
])("%s reads as %j", (error, title) => {
  expect(endingFromError(error)).toMatchObject({ title, isProblem: true });
});

test("every reason of the API for an end has words", () => {
  const reasons = [...proto.matchAll(/END_REASON_(\w+) = [1-9]/g)].map(
    ([, reason]) => reason ?? "",
  );
  expect(reasons).toContain("MODEL_LOST");
  const unexplained = endingFromReport("NO_SUCH_REASON", "SERVER").title;
  expect(reasons.filter((one) => endingFromReport(one, "SERVER").title === unexplained)).toEqual(
    [],
  );
});
