/** How does one call go, from asking for the microphone to its one ending? */

import {
  DisconnectReason,
  type LocalAudioTrack,
  type RemoteParticipant,
  type RemoteTrack,
  Room,
  RoomEvent,
  Track,
  TrackEvent,
} from "livekit-client";
import { type Admission, type CallRequest, endCall, openCall } from "../shared/api";
import {
  type AgentState,
  type CallEvent,
  eventFrom,
  type Told,
  watchEvents,
} from "../shared/events";
import {
  type Ending,
  endingFromDisconnect,
  endingFromError,
  endingFromReport,
  HUNG_UP,
  INSECURE,
  INSECURE_MEDIA,
  LEFT,
  MEDIA_REFUSED,
  TOKEN_EXPIRED,
} from "./endings";
import { type CallState, canMove } from "./lifecycle";
import { isMicrophoneReachable, openMicrophone } from "./microphone";
import { NOBODY, others, type People, peopleAfter } from "./people";
import { Players } from "./players";
import { after, EMPTY, type Transcript } from "./transcript";

// The server's own word on why the room closed may come this much later than the closing.
const LAST_WORD_MS = 3_000;
// After hanging up, the server is told first, so that it knows it for a hang-up; but not for long.
const FAREWELL_MS = 2_000;

/** Where the sounds of a call can be heard; undefined while there is none. */
export interface CallSounds {
  microphone(track: MediaStreamTrack | undefined): void;
  agent(track: MediaStreamTrack | undefined): void;
}

/** One call. It ends once; the first cause wins, though the server may word a lost room better. */
export class Call {
  readonly room = new Room({ disconnectOnPageLeave: true });
  readonly #request: CallRequest;
  readonly #key: string;
  readonly #sounds: CallSounds;
  readonly #changed: () => unknown;

  #state: CallState = "idle";
  #admission: Admission | undefined;
  #microphone: LocalAudioTrack | undefined;
  #agentTrack: RemoteTrack | undefined;
  readonly #players = new Players();
  #people: People = NOBODY;
  #events: { close(): void } | undefined;
  #isServerToBeTold = false;
  #isClosing = false;

  ending: Ending | undefined;
  /** What kept the call from beginning, as it was thrown. */
  failure: unknown;
  agentState: AgentState | undefined;
  isAgentReconnecting = false;
  isUserSpeaking = false;
  transcript: Transcript = EMPTY;
  connectedAt: number | undefined;
  endedAt: number | undefined;

  /** `changed` is called after every change of what can be read from the call; an empty key is none. */
  constructor(request: CallRequest, key: string, sounds: CallSounds, changed: () => unknown) {
    this.#request = request;
    this.#key = key;
    this.#sounds = sounds;
    this.#changed = changed;
    this.#listenToRoom();
  }

  get state(): CallState {
    return this.#state;
  }

  get connectionId(): string | undefined {
    return this.#admission?.connectionId;
  }

  get roomName(): string | undefined {
    return this.#admission?.roomName;
  }

  get agentId(): string {
    return this.#admission?.agentId || this.#request.agentId;
  }

  /** The call is somebody else's: who leaves it does not end it. */
  get isGuest(): boolean {
    return this.#request.roomName !== undefined;
  }

  /** The names of the other people in the call. */
  get others(): readonly string[] {
    return others(this.#people, this.#admission?.participantId ?? "");
  }

  /** Where it is not known who speaks, it is us if nobody else is there. */
  isUs(identity: string): boolean {
    return identity === "" ? this.others.length === 0 : identity === this.#admission?.participantId;
  }

  nameOf(identity: string): string {
    return this.#people.names.get(identity) ?? "";
  }

  get isMuted(): boolean {
    return this.#microphone?.isMuted ?? false;
  }

  get isAgentHere(): boolean {
    return this.#agentTrack !== undefined;
  }

  get isOffline(): boolean {
    return !navigator.onLine;
  }

  /** The browser wants a press of a button before it plays sound. */
  get isPlaybackBlocked(): boolean {
    return this.#state === "connected" && !this.room.canPlaybackAudio;
  }

  /** Never raises: what goes wrong becomes the ending. */
  async start(): Promise<void> {
    try {
      await this.#begin();
    } catch (error) {
      this.failure = error;
      const ending = endingFromError(error);
      this.#end(ending === MEDIA_REFUSED && this.#isTokenExpired() ? TOKEN_EXPIRED : ending);
    }
    // Whoever hangs up in the middle of a step leaves behind what that step then opened.
    if (this.#isOver()) await this.#close();
  }

  hangUp(): void {
    this.#end(this.isGuest ? LEFT : HUNG_UP);
  }

  async toggleMute(): Promise<void> {
    await (this.isMuted ? this.#microphone?.unmute() : this.#microphone?.mute());
    this.#changed();
  }

  async #begin(): Promise<void> {
    // First, so that no call is opened for somebody who then cannot speak.
    this.#move("asking");
    if (!isMicrophoneReachable()) return this.#end(INSECURE);
    this.#microphone = await openMicrophone();
    if (this.#isOver()) return;

    this.#move("connecting");
    this.#hearMicrophone(this.#microphone);
    this.#admission = await openCall(this.#request, this.#key);
    if (this.#isOver()) return;

    const { connectionId, serverUrl, accessToken } = this.#admission;
    if (isMixedContent(serverUrl)) return this.#end(INSECURE_MEDIA);
    this.#events = watchEvents(connectionId, (told) => this.#take(told), { key: this.#key });
    await this.room.connect(serverUrl, accessToken);
    if (this.#isOver()) return;
    await this.room.localParticipant.publishTrack(this.#microphone, {
      source: Track.Source.Microphone,
    });
    if (this.#isOver()) return;

    this.connectedAt = Date.now();
    this.#move("connected");
  }

  #listenToRoom(): void {
    this.room
      .on(RoomEvent.Reconnecting, () => this.#moveIfAllowed("reconnecting"))
      .on(RoomEvent.SignalReconnecting, () => this.#moveIfAllowed("reconnecting"))
      .on(RoomEvent.Reconnected, () => this.#moveIfAllowed("connected"))
      .on(RoomEvent.Disconnected, (reason) => this.#roomClosed(reason))
      .on(RoomEvent.TrackSubscribed, (track, _, participant) => this.#play(track, participant))
      .on(RoomEvent.TrackUnsubscribed, (track) => this.#stopPlaying(track))
      .on(RoomEvent.AudioPlaybackStatusChanged, () => this.#changed());
  }

  #play(track: RemoteTrack, participant: RemoteParticipant): void {
    if (track.kind !== Track.Kind.Audio || this.#isOver()) return;
    this.#players.play(track);
    if (participant.isAgent) {
      this.#agentTrack = track;
      this.#sounds.agent(track.mediaStreamTrack);
    }
    this.#changed();
  }

  #stopPlaying(track: RemoteTrack): void {
    this.#players.stop(track);
    if (track !== this.#agentTrack) return;
    this.#agentTrack = undefined;
    this.#sounds.agent(undefined);
    this.#changed();
  }

  #hearMicrophone(track: LocalAudioTrack): void {
    this.#sounds.microphone(track.mediaStreamTrack);
    // A microphone that was unplugged is replaced by another track.
    track.on(TrackEvent.Restarted, () => this.#sounds.microphone(track.mediaStreamTrack));
  }

  #take(told: Told): void {
    const event = eventFrom(told);
    if (event === undefined) return;
    this.#apply(event);
    this.#people = peopleAfter(this.#people, event);
    this.transcript = after(this.transcript, event);
    this.#changed();
  }

  #apply(event: CallEvent): void {
    switch (event.kind) {
      case "callState":
        this.isAgentReconnecting = event.state === "RECONNECTING";
        break;
      case "agentState":
        this.agentState = event.state;
        break;
      case "userSpeech":
        this.isUserSpeaking = event.speaking;
        break;
      case "ended":
        this.#events?.close();
        this.#end(endingFromReport(event.reason, event.fault), "server");
        // Events still come after the end only if the room was lost: now we know why.
        this.ending = endingFromReport(event.reason, event.fault);
        break;
    }
  }

  #roomClosed(reason: DisconnectReason | undefined): void {
    // While connecting, the failure of connect() says more.
    if (this.#state === "connecting" || this.#isOver()) return;
    const name = DisconnectReason[reason ?? DisconnectReason.UNKNOWN_REASON];
    this.#end(endingFromDisconnect(name), "room");
  }

  #end(ending: Ending, by: "us" | "server" | "room" = "us"): void {
    if (this.#isOver()) return;
    this.ending = ending;
    this.endedAt = Date.now();
    // Only an end that is our doing is news to the server; of a lost room it keeps its own account.
    // A call that we only joined goes on without us.
    this.#isServerToBeTold = by === "us" && !this.isGuest;
    if (by === "room") setTimeout(() => this.#events?.close(), LAST_WORD_MS);
    else this.#events?.close();
    this.#move("ended");
    void this.#close();
  }

  /** Gives back everything; safe to call twice. */
  async #close(): Promise<void> {
    // At once, since it is what the person sees and hears.
    this.#microphone?.stop();
    this.#sounds.microphone(undefined);
    for (const track of this.#players.tracks) this.#stopPlaying(track);
    if (this.#admission === undefined || this.#isClosing) return;
    this.#isClosing = true;
    if (this.#isServerToBeTold) {
      const told = endCall(this.#admission.connectionId, this.#key).catch(() => {
        // It is over on the server's side already, or it will notice that we left.
      });
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, FAREWELL_MS))]);
    }
    await this.room.disconnect();
  }

  #isTokenExpired(): boolean {
    const expiry = this.#admission?.tokenExpiresAtMs;
    return expiry !== undefined && expiry <= Date.now();
  }

  #isOver(): boolean {
    return this.#state === "ended";
  }

  #moveIfAllowed(to: CallState): void {
    if (canMove(this.#state, to)) this.#move(to);
  }

  #move(to: CallState): void {
    if (!canMove(this.#state, to)) throw new Error(`A call cannot go from ${this.#state} to ${to}`);
    this.#state = to;
    this.#changed();
  }
}

/** A page that came over https may open plain connections to its own machine only. */
function isMixedContent(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(hostname);
  return location.protocol === "https:" && ["ws:", "http:"].includes(protocol) && !isLocal;
}
